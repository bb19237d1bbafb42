"""Who is asking and what they may do, and what protects an answer."""
