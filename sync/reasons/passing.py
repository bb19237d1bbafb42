"""What holds a record up for a while and passes without anybody's help."""

from __future__ import annotations

from language.said import say
from sync.reasons.explained import Explained

_NOTHING = say("Nothing. It is tried again by itself until it has come across.")
_LOOKED_AT_FIRST = say(
    "Nothing. Before it is tried again the bridge looks whether it was saved, so nothing is doubled."
)

PASSING = {
    "waits": Explained(
        say("Another record must come first"),
        say("An invoice needs its customer and project in 24SevenOffice, a project its customer."),
        say("Nothing, unless the other record needs you. This one follows as soon as that one has come across."),
    ),
    "moment_unavailable": Explained(
        say("Moment does not answer"),
        say("Moment could not be reached, asked for a pause, or gave no answer that could be read."),
        _NOTHING,
    ),
    "moment_uncertain": Explained(
        say("Nobody knows whether Moment saved it"),
        say("The connection broke off, or Moment failed, after something had been sent."),
        _LOOKED_AT_FIRST,
    ),
    "no_connection": Explained(
        say("24SevenOffice cannot be reached"),
        say("24SevenOffice or the way to it is down."),
        _NOTHING,
    ),
    "no_answer": Explained(
        say("24SevenOffice gave no answer"),
        say("The request was sent, but the answer did not come in time."),
        _LOOKED_AT_FIRST,
    ),
    "unreadable": Explained(
        say("The answer of 24SevenOffice cannot be read"),
        say("Something came back that is no answer to what was asked, such as an error page."),
        _LOOKED_AT_FIRST,
    ),
    "http_error": Explained(
        say("24SevenOffice answered with a technical error"),
        say("Its server did not take the request, or failed while it was at work on it."),
        _LOOKED_AT_FIRST,
    ),
    "system_error": Explained(
        say("24SevenOffice has a technical problem"),
        say("24SevenOffice itself says that it failed while it was saving."),
        _LOOKED_AT_FIRST,
    ),
    "fault": Explained(
        say("24SevenOffice answered with an error"),
        say("The error is none of those that the bridge knows; the message has its own words."),
        say("Nothing at first. If it stays, the words of the message tell what 24SevenOffice does not like."),
    ),
    "too_many_requests": Explained(
        say("24SevenOffice gets too many requests just now"),
        say("24SevenOffice limits how much it is asked in a second, so requests wait for their turn."),
        _NOTHING,
    ),
    "quarantine": Explained(
        say("24SevenOffice takes no requests for a while"),
        say("After too many requests 24SevenOffice has shut the bridge out, until the time that it names."),
        say(
            "Nothing. It goes on by itself at that time. If it happens often, whoever runs the bridge sees that "
            "its limit is no higher than that of 24SevenOffice, and that nothing else asks from its address."
        ),
    ),
    "budget": Explained(
        say("The requests of this hour are used up"),
        say("24SevenOffice allows the bridge a certain number of requests an hour, for all companies together."),
        say(
            "Nothing. It goes on by itself as soon as there are requests again. If it happens often, whoever runs "
            "the bridge asks 24SevenOffice for more and raises the limit in its settings."
        ),
    ),
    "share": Explained(
        say("The company has used its share of the requests"),
        say("All companies share the requests that 24SevenOffice allows in an hour, and none may take them all."),
        say(
            "Nothing. It goes on by itself within the hour. If it happens often, whoever runs the bridge raises "
            "the limit or the share in its settings."
        ),
    ),
    "session": Explained(
        say("The session has ended"),
        say("24SevenOffice did not know the session of the login any more."),
        say("Nothing. The bridge logs in again by itself."),
    ),
    "redis": Explained(
        say("A part of the bridge is down"),
        say("The bridge cannot reach its own store of sessions and requests (Redis), and waits for it."),
        say("Nothing, if you only use the bridge. Whoever runs it sees that Redis is started."),
    ),
    "stood_still": Explained(
        say("The bridge stood still for a while"),
        say(
            "The machine that the bridge runs on was paused or held up just before something was to be sent, for "
            "so long that another part of the bridge may have sent it by now. So it was not sent."
        ),
        say("Nothing. It is looked at again by itself."),
    ),
    "no_number": Explained(
        say("24SevenOffice did not tell the customer number"),
        say("The customer was sent, but the answer does not say what became of it."),
        _LOOKED_AT_FIRST,
    ),
    "mail": Explained(
        say("The mail server does not take mails"),
        say("The mail server is down, or refuses the bridge for the time being."),
        say("Nothing. Mails wait and are sent later; the pages show everything meanwhile."),
    ),
}
