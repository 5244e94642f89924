"""Globs over slash-separated paths, where `**` stands for any number of folders (the rules of Go's doublestar)."""

import re2

from blocks.errors import Invalid


def glob_to_regex(glob: str) -> str:
    r"""Return an RE2 pattern that matches the same whole paths.

    `*` and `?` stop at slashes; `**` as a whole part does not; `[a-c]`, `[!a-c]`, `{a,b}` and `\` work as in
    shells. Raises Invalid for an unfinished class, group or escape.
    """
    return rf"(?s)\A{_Translation(glob).run()}\z"


class _Translation:
    """One left-to-right pass over a glob."""

    def __init__(self, glob: str) -> None:
        self.glob = glob
        self.at = 0
        self.depth = 0
        self.out: list[str] = []

    def run(self) -> str:
        special = {"*": self.star, "?": self.any_one, "[": self.character_class, "\\": self.escape, "{": self.open}
        inside = {"}": self.close, ",": self.alternative}
        while self.at < len(self.glob):
            character = self.glob[self.at]
            step = special.get(character) or (inside.get(character) if self.depth else None)
            if step:
                step()
            elif character == "}":
                raise self.invalid("a '}' without '{'")
            else:
                self.put(re2.escape(character), 1)
        if self.depth:
            raise self.invalid("a '{' without '}'")
        return "".join(self.out)

    def star(self) -> None:
        stars = len(self.glob) - self.at - len(self.glob[self.at :].lstrip("*"))
        starts_part = self.at == 0 or self.glob[self.at - 1] in "/{,"
        after = self.glob[self.at + stars : self.at + stars + 1]
        if stars != 2 or not starts_part or after not in ("", "/"):
            self.put("[^/]*", stars)
        elif after == "/":
            self.put("(?:[^/]+/)*", 3)
        elif self.glob[self.at - 1 : self.at] == "/":
            self.out.pop()  # the folder itself counts too, without its slash
            self.put("(?:/.*)?", 2)
        else:
            self.put(".*", 2)

    def any_one(self) -> None:
        self.put("[^/]", 1)

    def character_class(self) -> None:
        negated = self.glob.startswith(("[!", "[^"), self.at)
        at, members = self.at + 1 + negated, ""
        while at < len(self.glob) and self.glob[at] != "]":
            escaped = self.glob[at] == "\\"
            member = self.glob[at + escaped : at + escaped + 1]
            members += member if member == "-" and not escaped else re2.escape(member)
            at += 1 + escaped
        if at >= len(self.glob) or not members:
            raise self.invalid("an unfinished or empty [class]")
        self.put(f"[^/{members}]" if negated else f"[{members}]", at + 1 - self.at)

    def escape(self) -> None:
        if self.at + 1 >= len(self.glob):
            raise self.invalid("a '\\' at its end")
        self.put(re2.escape(self.glob[self.at + 1]), 2)

    def open(self) -> None:
        self.depth += 1
        self.put("(?:", 1)

    def alternative(self) -> None:
        self.put("|", 1)

    def close(self) -> None:
        self.depth -= 1
        self.put(")", 1)

    def put(self, pattern: str, consumed: int) -> None:
        self.out.append(pattern)
        self.at += consumed

    def invalid(self, why: str) -> Invalid:
        return Invalid(f"glob {self.glob!r} has {why}")
