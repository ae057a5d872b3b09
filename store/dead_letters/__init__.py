"""Dead letters as the store knows them: the jobs that worked on them."""
