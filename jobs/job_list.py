"""All jobs, by what their files declare: `JOB = Job(...)` at the end of a module of a room of jobs/."""

import difflib
import functools
import graphlib
import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterable, Iterator

import jobs
from jobs.errors import OperatorError
from jobs.job import Job

DECLARATION = b"\nJOB = "


@functools.cache
def all_jobs() -> dict[str, Job]:
    """Every job by name, in an order in which each comes after those that write what it reads."""
    return ordered(_declared_in(name) for name in names())


def job_named(name: str) -> Job:
    """Raises OperatorError, which names the nearest, for a name that is no job."""
    if name not in names():
        near = difflib.get_close_matches(name, names(), n=1)
        raise OperatorError(
            f"no job {name}; {f'did you mean {near[0]}? ' if near else ''}the jobs are: {', '.join(names())}"
        )
    return _declared_in(name)


def building() -> list[Job]:
    """The jobs that make something of something, each after those that write what it reads."""
    return [job for job in all_jobs().values() if job.reads and job.writes]


@functools.cache
def names() -> tuple[str, ...]:
    """Every job's name. Files are read for it, not imported, which takes seconds."""
    return tuple(sorted(_declaring()))


def ordered(declared: Iterable[Job]) -> dict[str, Job]:
    """The jobs by name, writers before readers, else by name. Raises CycleError where two wait for each other."""
    by_name = {job.name: job for job in sorted(declared, key=lambda job: job.name)}
    sorter = graphlib.TopologicalSorter(waits_for(by_name.values()))
    sorter.prepare()
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order += ready
        sorter.done(*ready)
    return {name: by_name[name] for name in order}


def waits_for(jobs: Iterable[Job]) -> dict[str, set[str]]:
    """Of each job the names of those among them that write what it reads."""
    known, writers = list(jobs), defaultdict[str, set[str]](set)
    for job in known:
        for table in job.writes:
            writers[table].add(job.name)
    return {job.name: {name for table in job.reads for name in writers[table]} - {job.name} for job in known}


def _declared_in(name: str) -> Job:
    job: Job = importlib.import_module(f"jobs.{name}").JOB
    return job


def _declaring() -> Iterator[str]:
    """Modules that declare a job, as room.module."""
    for room in pkgutil.iter_modules(jobs.__path__):
        if not room.ispkg:
            continue
        package = importlib.import_module(f"jobs.{room.name}")
        for module in pkgutil.iter_modules(package.__path__):
            source = pkgutil.get_data(package.__name__, f"{module.name}.py") if not module.ispkg else None
            if source is not None and DECLARATION in source:
                yield f"{room.name}.{module.name}"
