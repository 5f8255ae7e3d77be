"""What the JVMs of Spark are started with. Imports no Spark, for those who start one in another process."""

from pathlib import Path

# A fit of ALS is one lineage as deep as its iterations; the default stack (1 MiB) overflowed at fifteen.
DEEP_STACK = "-Xss4m"
# Throughput counts, not pauses: on two cores the demo took 4 % less time and 8 % less memory than with G1.
THROUGHPUT = "-XX:+UseParallelGC"
# In a job of seconds the second compiler takes a core from the first, for code that has ended before it pays. The room
# for compiled code is a fifth then, unless it is said: too little for a fit of ALS.
FIRST_COMPILER = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"


def executor() -> str:
    """Options of every JVM that runs tasks."""
    return DEEP_STACK


def own_driver(project: Path) -> str:
    """Options of a driver that this process starts itself."""
    logging = f"-Dlog4j2.configurationFile={project}/conf/log4j2.properties"
    return f"{executor()} {THROUGHPUT} {logging} {shared_classes(project)}".rstrip()


def submitted_driver(project: Path) -> str:
    """Options, for the variable SPARK_SUBMIT_OPTS, of the drivers that spark-submit starts on this machine, one a job.

    On two cores and the demo's lake silver.crm took 12.0 s instead of 15.6 (15.7 s of the processor instead of 27.5),
    gold.profiles 16.7 instead of 23.0 (22.1 instead of 40.8), train.als, the longest, 92 instead of 108.
    """
    return f"{executor()} {THROUGHPUT} {FIRST_COMPILER} {shared_classes(project)}".rstrip()


def shared_classes(project: Path) -> str:
    """Options that read Spark's classes from the archive, or "" where there is none.

    Java passes over an archive of other JARs or of another Java: that costs some seconds, and is worth no warning.
    """
    archive = class_archive(project)
    return f'"-XX:SharedArchiveFile={archive}" -Xlog:cds+dynamic=off' if archive.is_file() else ""


def class_archive(project: Path) -> Path:
    """Where `make setup` keeps Java's archive of Spark's classes. With it a session starts in 5 s, without in 8 s."""
    return project / ".jars" / "spark-classes.jsa"
