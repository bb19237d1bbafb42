"""The pages, a file for each: thin, since what they show and do stands in the rooms below."""
