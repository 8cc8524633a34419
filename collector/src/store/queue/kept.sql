-- Which commits of a project are given up is asked every few seconds.
CREATE INDEX job_given_up ON job (project, sha) WHERE state IN ('failed', 'cancelled');
