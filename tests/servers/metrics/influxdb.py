"""InfluxDB's API v2: Flux queries, answered in annotated CSV."""

from collections.abc import Callable

from tests.servers.metrics.checking import checked, expect, parameters, path_of
from tests.servers.recording import Answer, Asked

TOKEN, ORG = "influx-token-planted", "acme"
CODES = {400: "invalid", 401: "unauthorized", 404: "not found"}


def influxdb(tables: str) -> Callable[[Asked], Answer]:
    """Answer with these tables; lines end as the real one ends them."""

    def answer(asked: Asked) -> Answer:
        expect(asked.headers.get("authorization") == f"Token {TOKEN}", "unauthorized access", 401)
        expect(asked.method == "POST" and path_of(asked) == "/api/v2/query", "path not found", 404)
        expect(parameters(asked, "org") == {"org": ORG}, "organization name not found", 404)
        expect(asked.headers.get("accept") == "application/csv", "not acceptable")
        body = asked.json
        expect(set(body) == {"query", "type", "dialect"} and body["type"] == "flux", f"fields {list(body)}")
        expect(set(body["dialect"]["annotations"]) <= {"group", "datatype", "default"}, "annotations")
        expect(body["query"].lstrip().startswith("from(bucket:"), "error @1:1: undefined identifier")
        return 200, {"content-type": "text/csv; charset=utf-8"}, tables.replace("\n", "\r\n").encode()

    return checked(answer, lambda sentence: {"code": "invalid", "message": sentence})


def table(type_: str, *cells: str, default: str = "", column: str = "_value") -> str:
    """One table: a column of this type beside those that all tables have."""
    lines = [
        f"#datatype,string,long,dateTime:RFC3339,{type_},string",
        "#group,false,false,false,false,true",
        f"#default,_result,,,{default},",
        f",result,table,_time,{column},host",
        *(f",,0,2026-01-01T12:00:0{place}Z,{cell},web" for place, cell in enumerate(cells)),
    ]
    return "\n".join(lines) + "\n\n"


FAILED = "#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,window is too big,897\n"
"""What stands in an answer, after its tables, when a query fails underway."""
