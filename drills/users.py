"""The process that runs where the clients are: simulated people, and a record of each of their operations.

`python -m drills.users SETTINGS` signs them up and tells who they are, then does what its standard input says: `start`,
`stop`, `audit` (what everybody's home timeline shows). It ends with its input.
"""

import json
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from drills.people import Community, Person, Settings


def main(settings: Settings) -> None:
    """One line of JSON on standard output for each command."""
    with Path(settings.output).open("a") as output, ThreadPoolExecutor(settings.users) as threads:
        community = Community(output)
        community.people = [Person(community, settings, place) for place in range(settings.users)]
        accounts = community.people[: settings.accounts]
        for person in accounts:  # one after the other: a password is dear to hash
            person.sign_up()
        list(threads.map(Person.settle, accounts))
        for place, person in enumerate(community.people[len(accounts) :]):
            person.share(accounts[place % len(accounts)])
        _say({"people": {person.id: person.handle for person in accounts}})
        lives: list[Future[None]] = []
        try:
            for command in sys.stdin:
                match command.strip():
                    case "start":
                        begin = time.monotonic()
                        lives = [threads.submit(person.live, begin) for person in community.people]
                        _say({"begun": begin})
                    case "stop":
                        moment = time.monotonic()
                        community.stopping.set()
                        for life in lives:
                            life.result()
                        _say({"ended": moment})
                    case "audit":
                        _say({"homes": {person.id: person.audit() for person in accounts}})
        finally:
            community.stopping.set()


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(Settings(**json.loads(sys.argv[1])))
