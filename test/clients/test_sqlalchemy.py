"""sqlalchemy-bigquery: an engine, reflection, insert, select, over the unmodified dialect."""
import datetime
import decimal

import pytest
import sqlalchemy
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from servers import PROJECT
from sqlalchemy import func, select

DATASET = "alchemy"


@pytest.fixture(scope="module")
def engine(server):
    client = bigquery.Client(project=PROJECT, credentials=AnonymousCredentials(),
                             default_query_job_config=bigquery.QueryJobConfig(default_dataset=f"{PROJECT}.{DATASET}"),
                             client_options={"api_endpoint": server.instance.doors["bigquery"]})
    client.create_dataset(DATASET)
    return sqlalchemy.create_engine(f"bigquery://{PROJECT}/{DATASET}?user_supplied_client=True",
                                    connect_args={"client": client})


@pytest.fixture(scope="module")
def table(engine):
    metadata = sqlalchemy.MetaData()
    made = sqlalchemy.Table(
        "people", metadata, sqlalchemy.Column("id", sqlalchemy.Integer, nullable=False),
        sqlalchemy.Column("name", sqlalchemy.String), sqlalchemy.Column("born", sqlalchemy.Date),
        sqlalchemy.Column("paid", sqlalchemy.Numeric), sqlalchemy.Column("seen", sqlalchemy.TIMESTAMP),
        sqlalchemy.Column("tags", sqlalchemy.ARRAY(sqlalchemy.String)))
    metadata.create_all(engine)
    return made


SEEN = datetime.datetime(2024, 1, 2, 3, 4, 5, 600, tzinfo=datetime.timezone.utc)
ROWS = [{"id": 1, "name": "Ana", "born": datetime.date(1990, 2, 3), "paid": decimal.Decimal("1.5"), "seen": SEEN,
         "tags": ["a", "b"]},
        {"id": 2, "name": "O'Hara \\ %", "born": None, "paid": None, "seen": None, "tags": []},
        {"id": 3, "name": None, "born": datetime.date(2000, 1, 1), "paid": decimal.Decimal("-2"), "seen": SEEN, "tags": ["c"]}]


def test_insert_and_select(engine, table):
    with engine.begin() as connection:
        connection.execute(table.insert(), ROWS)
        assert [dict(row._mapping) for row in connection.execute(select(table).order_by(table.c.id))] == ROWS
        old = select(table.c.name).where(table.c.born < datetime.date(1995, 1, 1))
        assert connection.execute(old).all() == [("Ana",)]
        grouped = select(func.count(), func.sum(table.c.paid)).where(table.c.name.in_(["Ana", "O'Hara \\ %"]))
        assert connection.execute(grouped).one() == (2, decimal.Decimal("1.5"))
        assert connection.execute(table.update().where(table.c.id == 3).values(name="Cleo")).rowcount == 1
        assert connection.execute(table.delete().where(table.c.id == 2)).rowcount == 1
        assert connection.execute(select(table.c.name).order_by(table.c.id)).scalars().all() == ["Ana", "Cleo"]


def test_reflection(engine, table):
    inspector = sqlalchemy.inspect(engine)
    assert DATASET in inspector.get_schema_names() and inspector.get_table_names() == ["people"]
    assert [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns("people")] == [
        ("id", "INTEGER", False), ("name", "VARCHAR", True), ("born", "DATE", True), ("paid", "NUMERIC", True),
        ("seen", "TIMESTAMP", True), ("tags", "ARRAY", True)]
    again = sqlalchemy.Table("people", sqlalchemy.MetaData(), autoload_with=engine)
    assert [c.name for c in again.columns] == [c.name for c in table.columns]
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE VIEW {DATASET}.grown AS SELECT id FROM {DATASET}.people")
        assert sqlalchemy.inspect(engine).get_view_names() == ["grown"]


def test_errors_reach_the_caller(engine):
    with engine.connect() as connection, pytest.raises(sqlalchemy.exc.DatabaseError, match="nothing"):
        connection.exec_driver_sql(f"SELECT * FROM {DATASET}.nothing")
