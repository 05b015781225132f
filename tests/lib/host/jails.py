# SPDX-License-Identifier: MIT
"""
jails.py - the text of a jail.local from a short description

    jail_local("[DEFAULT] | backend = polling | sshd: | maxretry = 3 | rep-confirmed, rep-notorious:")

"A, B:" begins jails that are enabled; "[A]" begins any section; "+" continues a value.
"""


def jail_local(*parts, log=None):
    """log: what jails read that do not read verdicts or the journal, and have no logpath; None: what fail2ban has."""
    sections = []
    for piece in (piece for part in parts for piece in part.split(" | ")):
        if piece.startswith("["):
            sections.append(([piece[1:-1]], [], False))
        elif piece.endswith(":"):
            sections.append((piece[:-1].split(", "), [], True))
        else:
            sections[-1][1].append(piece.replace("+", "        ", 1) if piece.startswith("+") else piece)
    return "".join(section(name, lines, is_jail, log) for names, lines, is_jail in sections for name in names)


def section(name, lines, is_jail, log):
    has_log = name in ("rep-confirmed", "rep-notorious") or any(
        line.startswith(("logpath", "backend = systemd")) for line in lines)
    begin = (["enabled = true"] if is_jail else []) + ([f"logpath = {log}"] if log and is_jail and not has_log else [])
    return "\n".join((f"[{name}]", *begin, *lines, ""))


def one_line_jail(name, expression, *lines, log=None):
    """A jail that reads LOG.log below {dir}, in which one line " FAILED EXPRESSION" is enough."""
    return jail_local(f"{name}:", "filter =", f"failregex = ^ FAILED {expression}$",
                      f"logpath = {{dir}}/{log or name}.log", "maxretry = 1", *lines)
