"""The official shapes and a JSON-LD reader, offline: what the Commission's own check would say."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyld import jsonld
from pyshacl import validate
from rdflib import OWL, Graph, Namespace, URIRef

from tests.shared import shared

SH: Final = Namespace("http://www.w3.org/ns/shacl#")
logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # it tells at length of every value that is none

VERSIONS: Final = {"1.1.0": "elm3.1", "1.2.0": "elm3.2"}


@dataclass(frozen=True)
class Official:
    """One version of the application profile: its generic shapes and its context."""

    shapes: Graph
    documents: Mapping[str, Any]

    @property
    def context(self) -> dict[str, Any]:
        found: dict[str, Any] = self.documents["http://data.europa.eu/snb/model/context/edc-ap"]["@context"]
        return found

    def graph(self, edc: Any) -> Graph:
        """Read a credential as JSON-LD; no context comes from anywhere but the shared folder."""
        quads = jsonld.to_rdf(edc, {"documentLoader": self._load, "format": "application/n-quads"})
        return Graph().parse(data=quads, format="nt")

    def violations(self, edc: Any) -> list[str]:
        """Name the paths that violate a shape; what is no JSON-LD at all violates everything."""
        try:
            data = self.graph(edc)
        except jsonld.JsonLdError as refused:
            return [f"not JSON-LD: {refused.type}"]
        conforms, report, words = validate(data, shacl_graph=self.shapes, inference="none", inplace=True)
        assert isinstance(report, Graph), words
        found = [f"{path}" for path in report.objects(None, SH.resultPath)]
        assert conforms == (not found), words
        return found

    def _load(self, url: str, _options: object = None) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": self.documents[url]}


def official(version: str) -> Official:
    """Read one version of the profile; skip, saying so, where it is not beside the repository."""
    elm = shared("elm")
    model = VERSIONS[version]
    shapes = Graph()
    for name in ("EDC-generic-no-cv", "EDC-generic-full"):
        shapes.parse(elm / "shapes" / f"edc-ap-{version}-{model}" / f"{name}.ttl", format="turtle")
    shapes.remove((None, OWL.imports, None))
    return Official(
        shapes,
        {
            "https://www.w3.org/2018/credentials/v1": _json(elm / "contexts" / "w3c-credentials-v1.jsonld"),
            "http://data.europa.eu/snb/model/context/edc-ap": _json(
                elm / "contexts" / f"edc-ap-context.{model}.jsonld"
            ),
        },
    )


def expand(context: Mapping[str, Any], term: str) -> URIRef:
    """Expand a term, or a name with a prefix, as a context says."""
    meant = context.get(term, term)
    name = meant["@id"] if isinstance(meant, dict) else meant
    prefix, _, rest = name.partition(":")
    return URIRef(context[prefix] + rest) if isinstance(context.get(prefix), str) else URIRef(name)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
