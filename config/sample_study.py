"""The texts of the sample study, all our own: its questions, its situations, and the simulated people who answer.

Nobody said any of this. The simulated people carry a planted order of wisdom, and some noise, so that the walk from a first
answer to a constitution has something to find.
"""

from typing import NamedTuple

SLUG = "hard-moments"
TITLE = "Advice in hard moments"
DESCRIPTION = (
    "More and more people ask an AI about the hard parts of life. Say what you would want it to care about. "
    "This is a sample: everyone who answered so far is simulated."
)
CONSENT = (
    "This is a sample study. It is here so that you can see how taking part works.\n\n"
    "You talk about one question, check a card with what you care about, and say which of other people's values seem "
    "wiser.\n\n"
    "Your card is shown to others on this site, without your name. Your talk is seen only by those who run this site. "
    "Short quotes of yours are shown only if you say so. You can stop at any time, and you can take everything back on "
    "the last page. A graph or constitution that is already published then keeps its counts and the texts of its values, "
    "also one made of your card. It never holds your name or your talk."
)
HELP_TEXT = "If you or someone near you is in danger, call your local emergency number. You can stop here at any time."

QUESTIONS = (
    ("Family, growing old", "My father's memory is going. He still wants to drive. Should I take his keys?"),
    ("Friends, hard news", "My friend shows me her first book and hopes for praise. I find it weak. What do I say?"),
)
CONTEXTS = (
    ("When someone close is losing an ability", (1,)),
    ("When someone hopes for your praise", (2,)),
    ("When you fear that someone will be hurt", (1, 2)),
)
AGES = ("Under 30", "30 to 54", "55 and over")
CARES = ("Yes", "No")


class Persona(NamedTuple):
    """A kind of simulated person: what they say in the talk, and how wise their value is planted to be (higher: wiser).

    Two of the same kind say nearly the same: `lines` has more than each of them uses.
    """

    question: int
    wisdom: int
    name: str
    situation: str
    mattered: str
    lines: tuple[str, ...]
    why: str


PERSONAS = (
    Persona(
        1,
        1,
        "Keeping people safe",
        "My uncle drove into a fence last spring. Nobody was hurt, but a child had stood there a minute before.",
        "That nobody gets hurt, him or anyone on the street.",
        (
            "DANGERS that someone no longer sees",
            "PEOPLE who would be hurt if it goes wrong",
            "NEAR MISSES that nobody talks about",
            "THINGS at home that could go wrong today",
        ),
        "If I look for danger early, everyone gets home.",
    ),
    Persona(
        1,
        2,
        "Doing it by the rules",
        "When my mother could not see well, we asked the doctor and the licence office, and did what they said.",
        "That it is fair, and not just our opinion.",
        (
            "RULES that hold for everyone at that age",
            "WORDS of a doctor who has tested the eyes",
            "PEOPLE whose task it is to decide this",
            "PAPERS that say what is allowed",
        ),
        "Then nobody can say that we did it out of anger.",
    ),
    Persona(
        1,
        3,
        "Sharing the load early",
        "My sister did all the driving for Dad until she fell ill herself. Only then did we make a plan.",
        "That one person does not carry it all alone.",
        (
            "TIRED FACES in the family",
            "SMALL JOBS that someone else could take",
            "PEOPLE who have not been asked yet",
            "DAYS when nobody is free to drive him",
        ),
        "When the load is shared early, love stays lighter.",
    ),
    Persona(
        1,
        4,
        "Reading the loss underneath",
        "My aunt hid the keys. My uncle looked for them for weeks. The car was the last thing that was his.",
        "That we saw what he lost, not only what he risked.",
        (
            "LOSSES that sit under what looks like stubbornness",
            "HABITS that stood for being free",
            "ANGER that is really grief",
            "DAYS that got smaller since he stopped",
        ),
        "If I see the loss, I can help to carry it.",
    ),
    Persona(
        1,
        5,
        "Letting go together",
        "Grandpa picked the day himself. He drove to the lake once more, and then he gave the car to my cousin.",
        "That he was the one who ended it.",
        (
            "MOMENTS when a person can still choose the next step",
            "LOSSES that sit under what looks like stubbornness",
            "WAYS to keep what the thing gave them",
            "SIGNS that someone feels watched instead of cared for",
        ),
        "When people end a thing themselves, they stay who they are.",
    ),
    Persona(
        2,
        1,
        "Being nice about it",
        "My brother sang at my wedding, badly. I told him it was lovely, and he beamed all evening.",
        "That he was happy that day.",
        (
            "FACES that light up at a kind word",
            "WORDS that make someone feel good",
            "MOMENTS when praise would help",
            "THINGS one can honestly like",
        ),
        "A kind word costs nothing and warms people.",
    ),
    Persona(
        2,
        2,
        "Plain honesty",
        "A friend asked about her shop. I said it would not work, and it closed a year later.",
        "That she knew where she stood.",
        (
            "FACTS that people step around",
            "MISTAKES that will cost more later",
            "QUESTIONS that are really asked for an answer",
            "PRAISE that is not true",
        ),
        "With the truth, people can decide for themselves.",
    ),
    Persona(
        2,
        4,
        "Asking before telling",
        "My teacher never marked my essay first. She asked which page I was least sure of, and I always knew.",
        "That I found it myself, with her beside me.",
        (
            "DOUBTS that someone already has about their own work",
            "QUESTIONS that let a person see it themselves",
            "SIGNS of how much someone can hear today",
            "PARTS of the work that its maker loves",
        ),
        "What people find themselves, they can use.",
    ),
    Persona(
        2,
        5,
        "Truth with a way forward",
        "My boss told me that my talk was too long, and then sat down with me to find the three things that mattered.",
        "That the hard word came with help.",
        (
            "MOMENTS when someone is ready to hear more",
            "NEXT STEPS that a hard fact still leaves open",
            "SIGNS that I talk to feel better, not to help",
            "STRENGTHS in the work that can carry the change",
        ),
        "Then the truth is not an end but a start.",
    ),
)


class PairOfAnswers(NamedTuple):
    """Two answers to one prompt. The simulated people lean to the one that asks back and gives a next step."""

    prompt: str
    better: str
    other: str


_STARTS = (
    ("My father wants to keep driving. What do I tell him?", "driving", "take the keys"),
    ("My friend asks if her novel is good. It is not.", "the novel", "tell her it is weak"),
    ("My mother keeps falling at home. Do I book a place for her?", "the falls", "book the place"),
    ("My son wants to leave school at sixteen.", "leaving school", "forbid it"),
    ("My neighbour drinks too much and asks me for money.", "the money", "say no"),
    ("My partner wants children and I am not sure.", "children", "decide soon"),
    ("My best friend is about to marry someone I distrust.", "the wedding", "warn her"),
    ("My brother believes a story that is not true.", "the story", "show him the facts"),
    ("My colleague takes credit for my work.", "the credit", "tell the boss"),
    ("My grandmother gives all her money to a stranger on the phone.", "the calls", "block the number"),
    ("My daughter quit the team that she was so good at.", "quitting", "make her go back"),
    ("My flatmate has not left his room for a week.", "the week", "call someone"),
    ("My oldest friend never calls me first.", "the calls", "stop calling"),
    ("My aunt wants to live alone after her stroke.", "living alone", "find her a home"),
    ("My student handed in a text that is not his own.", "the text", "fail him"),
    ("My father-in-law makes jokes that hurt my wife.", "the jokes", "tell him to stop"),
    ("My team lost because of one player, and they blame him.", "the blame", "defend him"),
    ("My cousin asks me to lie for him.", "the lie", "refuse"),
    ("My child asks whether we will all die.", "the question", "say yes"),
    ("My friend lost her job and says that she is fine.", "the job", "cheer her up"),
)


def pairs_of_answers() -> list[PairOfAnswers]:
    """Return the comparisons of the sample: for each prompt one answer that asks back, and one that settles it."""
    found = []
    for place, (prompt, thing, act) in enumerate(_STARTS):
        question = (
            f"What do you think is at stake for them in {thing}? You know them best.",
            f"Before you do anything about {thing}: what have they said about it themselves?",
        )[place % 2]
        better = (
            f"{question} Is there a choice that can still be theirs? You could start with one small step this week."
        )
        other = f"You must {act}. It is clearly the right thing, and you will always regret it if you wait."
        if place % 3:  # so that length alone does not tell the two apart
            other += (
                " There are rules for this and they are the same for all. Everyone who has been through it says so."
            )
        found.append(PairOfAnswers(prompt, better, other))
    return found
