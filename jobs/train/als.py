"""train.als: ALS learned anew, judged beside the baselines and promoted only when it wins (jobs/champions/training.py).

Its factors are kept in gold.person_factors and gold.item_factors: one row per run and person or item.
"""

from jobs.champions.training import training_job
from jobs.gold.ratings import as_ratings
from jobs.job import submit

JOB = training_job("als", as_ratings)

if __name__ == "__main__":
    submit(JOB)
