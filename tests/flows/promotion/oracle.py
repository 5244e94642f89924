"""What must be true of a pipeline, told a second time and as plainly as can be: a test plays the real rules against it.

It shares no code with them, keeps everything in lists, and counts in whole minutes.
"""

from dataclasses import dataclass, field, replace

OPEN, BAD = ("Pending", "Running"), ("Failed", "Errored", "Aborted")


@dataclass(frozen=True)
class Source:
    """From where a Stage takes Freight of one origin."""

    upstream: tuple[str, ...] = ()
    soak: int = 0
    all: bool = False
    match: bool = False


@dataclass(frozen=True)
class Place:
    """One Stage. `shut` are minutes from and to in which a window denies, `only` those in which one allows."""

    name: str
    takes: dict[str, Source]
    steps: bool = True
    auto: bool = False
    people: int = 0
    latest: bool = False
    verifies: bool = False
    shut: tuple[int, int] | None = None
    only: tuple[int, int] | None = None


@dataclass
class Stay:
    """One stay of Freight in a Stage."""

    freight: str
    origin: str
    entered: int
    left: int | None = None
    verified: int | None = None


@dataclass
class Asked:
    """One Promotion."""

    name: str
    stage: str
    freight: str
    origin: str
    at: int
    intent: str = ""
    glass: bool = False
    phase: str = "Pending"
    line: bool = False
    superseded: bool = False
    owner: str = ""
    lease: int = 0
    started: bool = False
    approvers: set[str] = field(default_factory=set)


@dataclass
class Oracle:
    """All that has happened, and what follows from it."""

    places: dict[str, Place]
    now: int = 0
    found: dict[str, tuple[str, int]] = field(default_factory=dict)
    stays: dict[str, list[Stay]] = field(default_factory=dict)
    passed: dict[tuple[str, str], int] = field(default_factory=dict)
    approved: set[tuple[str, str]] = field(default_factory=set)
    holds: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: dict[str, Asked] = field(default_factory=dict)
    verifying: dict[str, dict[str, str]] = field(default_factory=dict)
    unverified: set[str] = field(default_factory=set)
    frozen: tuple[int, int | None] | None = None

    def copy(self) -> "Oracle":
        """The same at another time."""
        return replace(self)

    # What is allowed

    def is_verified(self, stage: str, freight: str) -> bool:
        """Whether Freight was ever verified in a Stage."""
        stayed = any(each.freight == freight and each.verified is not None for each in self.stays.get(stage, []))
        return stayed or (stage, freight) in self.passed

    def soaked(self, stage: str, freight: str) -> int:
        """The longest stay whose Freight was verified by its end, in minutes; what is there counts until now."""
        mine = [each for each in self.stays.get(stage, []) if each.freight == freight]
        marks = [each.verified for each in mine if each.verified is not None]
        ends = [(each.entered, self.now if each.left is None else each.left) for each in mine]
        long = [end - begin for begin, end in ends if any(mark <= end for mark in marks)]
        if (stage, freight) in self.passed:
            long.append(self.now - self.passed[stage, freight])
        return max(long, default=0)

    def allowed(self, stage: str, freight: str) -> bool:
        """Whether Freight may enter a Stage at all."""
        source = self.places[stage].takes.get(self.found[freight][0])
        if source is None:
            return False
        if (stage, freight) in self.approved or not source.upstream:
            return True
        each = [self.is_verified(up, freight) and self.soaked(up, freight) >= source.soak for up in source.upstream]
        return all(each) if source.all else any(each)

    def stopped(self, stage: str) -> bool:
        """Whether a freeze or a window stops a Stage."""
        place = self.places[stage]
        frozen = self.frozen is not None and (self.frozen[1] is None or self.now < self.frozen[1])
        shut = place.shut is not None and place.shut[0] <= self.now < place.shut[1]
        return frozen or shut or (place.only is not None and not place.only[0] <= self.now < place.only[1])

    def opens(self, stage: str) -> int | None:
        """When time alone lets a stopped Stage go on; None when that takes more."""
        later = replace(self)
        for later.now in range(self.now, self.now + 2_000):
            if not later.stopped(stage):
                return later.now
        return None

    # What runs where

    def there(self, stage: str) -> dict[str, Stay]:
        """What a Stage runs, by origin."""
        return {each.origin: each for each in self.stays.get(stage, []) if each.left is None}

    def open(self, stage: str) -> list[Asked]:
        """The Promotions of a Stage that have not ended, in the order of asking."""
        return sorted(
            (each for each in self.asked.values() if each.stage == stage and each.phase in OPEN), key=lambda e: e.name
        )

    # What enters by itself

    def candidate(self, stage: str, origin: str) -> str | None:
        """The newest Freight of an origin that may enter."""
        source = self.places[stage].takes[origin]
        fit = [(at, name) for name, (of, at) in self.found.items() if of == origin and self.allowed(stage, name)]
        if source.match:
            up = self.there(source.upstream[0]).get(origin)
            fit = [each for each in fit if up and each[1] == up.freight]
        return max(fit)[1] if fit else None

    def held(self, stage: str, origin: str) -> bool:
        """Whether a person's choice keeps newer Freight out: by success, or because it is under way."""
        mine = [each for each in self.asked.values() if (each.stage, each.origin) == (stage, origin)]
        last = max((each.name for each in mine if each.phase == "Succeeded"), default="")
        meant = [each for each in mine if each.phase in OPEN and each.intent and each.name > last]
        if meant:
            return max(meant, key=lambda each: each.name).intent == "hold"
        return (stage, origin) in self.holds

    def enters(self, stage: str, origin: str) -> str | None:
        """What a Stage takes by itself now."""
        place = self.places[stage]
        if not place.auto or not place.steps or self.stopped(stage) or self.held(stage, origin):
            return None
        best = self.candidate(stage, origin)
        there = self.there(stage).get(origin)
        if best is None or (there and there.freight == best):
            return None
        tries = [each for each in self.asked.values() if (each.stage, each.freight) == (stage, best)]
        tries = [each for each in tries if not each.superseded]
        if tries and (any(e.phase in OPEN for e in tries) or max(tries, key=lambda e: (e.at, e.name)).phase in BAD):
            return None
        return best

    def meaning(self, stage: str, freight: str) -> str:
        """What a person's Promotion means for what enters by itself."""
        if not self.places[stage].auto:
            return ""
        return "resume" if self.candidate(stage, self.found[freight][0]) == freight else "hold"

    # Whose turn it is

    def waits(self, asked: Asked) -> bool:
        """Whether a Promotion that people have agreed to must wait."""
        place, others = self.places[asked.stage], [e for e in self.open(asked.stage) if e.name != asked.name]
        if any(each.phase == "Running" for each in others) or asked.stage in self.verifying:
            return True
        if asked.glass:
            return False
        ahead = [each for each in others if each.name < asked.name and (each.line or not place.people)]
        if place.latest:
            ahead = [each for each in ahead if each.origin != asked.origin]
        return bool(ahead) or self.stopped(asked.stage)

    def overtaken(self, asked: Asked) -> bool:
        """Whether only a later Promotion counts."""
        later = [e for e in self.open(asked.stage) if e.name > asked.name and e.origin == asked.origin]
        return self.places[asked.stage].latest and asked.phase == "Pending" and bool(later)

    # What happens

    def supersede(self, by: Asked) -> None:
        """Take the place of those that wait."""
        for each in self.open(by.stage):
            if each.phase == "Pending" and each.origin == by.origin and each.name < by.name:
                each.phase, each.superseded = "Aborted", True

    def succeed(self, asked: Asked) -> None:
        """Let the Stage run what a Promotion brought."""
        asked.phase = "Succeeded"
        before = self.there(asked.stage).get(asked.origin)
        if not before or before.freight != asked.freight:
            if before:
                before.left = self.now
            self.stays.setdefault(asked.stage, []).append(Stay(asked.freight, asked.origin, self.now))
        if asked.intent == "hold":
            self.holds[asked.stage, asked.origin] = asked.freight
        if asked.intent == "resume":
            self.holds.pop((asked.stage, asked.origin), None)

    def verify(self, stage: str, collection: dict[str, str]) -> None:
        """Mark what is still there of a collection."""
        for origin, stay in self.there(stage).items():
            if collection.get(origin) == stay.freight and stay.verified is None:
                stay.verified = self.now

    def pass_through(self) -> None:
        """Let Freight through Stages without steps, as far as it comes."""
        for place in self.places.values():  # upstream ones come first
            for freight in self.found:
                if not place.steps and not self.is_verified(place.name, freight) and self.allowed(place.name, freight):
                    self.passed[place.name, freight] = self.now
