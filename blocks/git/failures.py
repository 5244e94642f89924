"""What Git's words mean: its messages mapped to the error tree."""

import re

from blocks.errors import (
    BadAnswer,
    Conflict,
    DrayageError,
    Invalid,
    NotFound,
    RateLimited,
    Refused,
    Terminal,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from blocks.git.access import Access


class Damaged(BadAnswer):
    """A local repository is broken; made anew it works again."""


MEANINGS: tuple[tuple[str, type[DrayageError], str], ...] = (
    (r"HOST IDENTIFICATION HAS CHANGED|[Hh]ost key for .* has changed", Refused,
     "the server shows another host key than knownHosts says: somebody may be listening; if its operators did change "
     "it, put the new line into knownHosts"),
    (r"No .* host key is known for|Host key verification failed", Refused,
     "knownHosts of the credentials has no key of this server: add the line that ssh-keyscan prints for its host and "
     "port, once you have checked it"),
    (r"Load key .*: (error in libcrypto|invalid format)", Unauthorized, "sshPrivateKey is no whole private key"),
    (r"ssh: (not found|command not found)|cannot run ssh", Refused, "install the OpenSSH client on the worker"),
    (r"returned error: 429", RateLimited, "the server asks for fewer requests"),
    (r"returned error: (5\d\d)|HTTP (5\d\d)", Unavailable, "the server cannot serve it now"),
    (r"returned error: 40[13]", Unauthorized, ""),
    (r"Authentication failed|could not read (Username|Password)|[Pp]ermission denied \(|HTTP Basic: Access denied",
     Unauthorized, ""),
    (r"Permission to .* denied|not allowed to push|insufficient permission", Unauthorized, ""),
    (r"[Rr]epository '?[^\n]*not found|returned error: 404|does not (appear to be a git repository|exist)"
     r"|[Rr]epository not found", NotFound, "check the URL, and that the credentials may see it"),
    (r"couldn't find remote ref|not our ref|unadvertised object", NotFound, "the repository no longer has it"),
    (r"reference broken|(unexpected|unterminated) line in \S*packed-refs", Damaged,
     "the local copy is damaged"),
    (r"cannot lock ref|failed to update ref|reference already exists|\.lock': File exists", Conflict,
     "somebody else is writing there"),
    (r"\[rejected\]|non-fast-forward|fetch first|stale info", Conflict, "the branch moved meanwhile"),
    (r"\[remote rejected\]|hook declined|protected branch", Terminal,
     "the server's own rules refused it: check its branch protection"),
    (r"[Cc]ould not resolve (host|proxy)", Unreachable, "the host name is unknown"),
    (r"Connection (refused|timed out|reset|closed by)|[Ff]ailed to connect|Couldn't connect|Empty reply"
     r"|No route to host|Operation (timed out|too slow)|Timeout, server .* not responding"
     r"|Network is unreachable", Unreachable, "the server does not answer"),
    (r"certificate|SSL_ERROR|self.signed", Refused,
     "the server's certificate is not trusted: install its CA, or set insecureSkipTLSVerify"),
    (r"transport '[^']*' not allowed", Refused, "this transport is not allowed"),
    (r"No space left on device|Disk quota exceeded", Unavailable, "the worker's disk is full"),
    (r"not valid: is this a git repository|invalid server response|protocol error|bad line length|unexpected "
     r"(disconnect|response)|bad pack header|expected flush|gzip|unable to parse", BadAnswer,
     "what answers there does not speak Git"),
    (r"early EOF|hung up|RPC failed|transfer closed|GnuTLS recv", Unreachable, "the connection broke"),
    (r"(object file|loose object|packfile|index file|pack has) .*(empty|corrupt|bad|invalid|too small|mismatch)"
     r"|bad object|missing (blob|tree|commit)|unable to (read|find) |invalid sha1 pointer|inflate|bad tree"
     r"|Could not read [0-9a-f]{40}|did not send all necessary|not a git repository|bad config|bad signature"
     r"|remote did not send|[Ff]ailed to (read|parse|traverse)|broken", Damaged, "the local copy is damaged"),
    (r"already (checked out|exists)|is already used by worktree", Invalid, "that place is taken"),
    (r"invalid reference|unknown revision|[Nn]ot a valid object name|[Nn]eeded a single revision|bad revision",
     NotFound, "there is no such revision"),
)  # fmt: skip
"""Pattern, meaning, advice; the first that matches counts."""


TELLING = (
    r"fatal|error|remote|!|ERROR|CONFLICT|ssh:|Load key|No .* host key is known|.* host key for .* has changed"
    r"|Host key verification|\S+: Permission denied \(|kex_exchange|Connection |Timeout,"
)
"""How the lines begin that say why, Git's own and those of ssh."""


def failure(verb: str, stderr: str, access: Access | None) -> DrayageError:
    """Word what a failed Git command means, without anything secret."""
    masked = access.mask(stderr) if access else stderr
    what = f"git {verb} of {access.url}" if access else f"git {verb}"
    for pattern, leaf, advice in MEANINGS:
        if re.search(pattern, masked):
            advice = advice or (access.hint() if access else "")
            return leaf(f"{what} failed: {_detail(masked)}" + (f" ({advice})" if advice else ""))
    return Terminal(f"{what} failed: {_detail(masked)}")


def _detail(stderr: str) -> str:
    """Pick the lines that say why, in one line of at most 400 characters."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    telling = [line for line in lines if re.match(TELLING, line)] or lines
    said = [line for line in telling if not re.match(r"remote:\s*$|error: failed to push some refs", line)]
    return "; ".join(dict.fromkeys(said))[:400] or "Git gave no reason"
