"""The error codes of jobs that models or workers compare; the others are in :mod:`sync.error_codes.names`."""

CRASHED = "crashed"
"""The last attempt ended in an unexpected error."""

GONE = "gone"
"""Moment does not have the record."""

PROJECT_TAKEN = "project_taken"
WHICH_CUSTOMER = "which_customer"
"""The job waits for a person's answer."""

SET_ASIDE = "set_aside"
"""The job's link was set aside. A retry confirms that it is to be sent (again)."""

UNSEEN_DRAFT = "unseen_draft"
"""The voucher may be in the journal. Only a person can look there; a retry confirms that they did."""

WORKER_CRASHES = "worker_crashes"
"""Workers crashed too often while they processed the job."""
