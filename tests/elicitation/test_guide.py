"""The written guide: one question at a time, plain redirections, and a card of nothing but the person's own words."""

import pytest

from elicitation import guide
from elicitation.guide import Answer, draft_card, opening, reply


class Talk:
    """A talk with the guide: `say` answers its last question."""

    def __init__(self, budget: int = 8, language: str = "en") -> None:
        self.budget, self.language = budget, language
        self.last = opening("Should I take his keys?")
        self.answers: list[Answer] = []

    def say(self, *texts: str) -> guide.Reply:
        for text in texts:
            self.answers.append(Answer(2 * len(self.answers) + 2, self.last.key, text))
            self.last = reply(self.answers, budget=self.budget, help_text="Call 0800 1.", language=self.language)
        return self.last

    def lines(self) -> list[str]:
        return [line.text for line in draft_card(self.answers, language=self.language).lines]


STORY = "Yes, with my uncle. My aunt hid the keys and he looked for them for weeks."


def test_the_talk_goes_from_a_moment_to_a_name() -> None:
    talk = Talk()
    asked = [talk.last.key]
    for text in [
        STORY,
        "that he is the one who ends it",
        "if he can still decide",
        "he went quiet",
        "his eyes",
        "no",
        "Peace",
    ]:
        asked.append(talk.say(text).key)
    assert asked == [
        "situation",
        "mattered",
        "attention",
        "attention.more",
        "attention.more2",
        "attention.more3",
        "why",
        "check.name",
    ]
    assert talk.say("Letting go together").is_enough


def test_every_reply_asks_one_question_at_most() -> None:
    talk = Talk(budget=20)
    replies = [talk.last.text]
    for text in [
        "idk",
        STORY,
        "respect",
        "he listened",
        "honesty",
        "how she looks",
        "what she says",
        "his eyes",
        "no",
        "we stay close",
    ]:
        replies.append(talk.say(text).text)
    # the first shows the study's own question, and one question comes in two parts ("Has …? What happened?")
    assert all(text.count("?") <= 2 for text in replies[1:])


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("I don't know", "mattered.unsure"),
        ("my goal is to win the case", "mattered.goal"),
        ("you should never lie to your parents", "mattered.rule"),
        ("my church says what is right here", "mattered.belief"),
        ("I was so scared for her", "mattered.fear"),
        ("I was furious with them", "mattered.anger"),
        ("I am ashamed of what I said", "mattered.shame"),
        ("I felt torn between the two", "mattered.confusion"),
        ("It made me very sad", "mattered.sadness"),
        ("my grandmother always knew what to do", "mattered.model"),
        ("respect and dignity", "mattered.vague"),
        ("his car", "mattered.more"),
        ("What do you mean?", "mattered.again"),
    ],
)
def test_what_is_not_attention_yet_is_led_there(said: str, key: str) -> None:
    talk = Talk()
    assert talk.say(STORY, said).key == key


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("I am not sure", "attention.unsure"),
        ("don't take the keys away", "attention.instead"),
        ("one must obey the rule", "attention.rule"),
        ("trust", "attention.vague"),
        ("when he can still choose", "attention.more"),
    ],
)
def test_what_one_would_look_for_is_made_concrete(said: str, key: str) -> None:
    talk = Talk()
    assert talk.say(STORY, "that he is the one who ends it", said).key == key


def test_a_big_word_is_asked_about_with_the_word_itself() -> None:
    talk = Talk()
    assert "“respect”" in talk.say(STORY, "respect").text


def test_a_stage_redirects_once() -> None:
    talk = Talk()
    assert talk.say(STORY, "respect", "honesty").key == "attention"


@pytest.mark.parametrize("budget", [3, 4, 5, 8, 12])
def test_the_budget_is_kept_and_always_reaches_what_one_looks_for(budget: int) -> None:
    talk = Talk(budget)
    asked = [talk.last.key]
    while not talk.last.is_enough:
        asked.append(talk.say("he said something about his eyes").key)
    assert len(talk.answers) <= budget
    assert "attention" in asked and asked[-2] == "check.name"


def test_skipping_everything_ends_the_talk_kindly() -> None:
    talk = Talk()
    for _turn in range(8):
        if not talk.last.is_enough:
            talk.say("")
    assert talk.last.is_enough
    assert draft_card(talk.answers) == guide.Draft("", "", [])


def test_words_of_danger_bring_help_first_and_once() -> None:
    talk = Talk()
    first = talk.say("My friend says she wants to die.").text
    assert "Call 0800 1." in first and "choose another question" in first and first.endswith(talk.last.text[-20:])
    assert "Call 0800 1." not in talk.say("She said it again, she wants to die").text


def test_danger_is_told_by_whole_words() -> None:
    assert not guide.is_first_danger(["The death of a skilled overseer hurt the company. He hits the gym."])


def test_a_card_is_made_of_the_persons_own_words() -> None:
    talk = Talk()
    talk.say(STORY, "that he is the one who ends it")
    talk.say("if he can still decide something.\nlike let him pick the day he stops\nSmall changes in his mood", "no")
    talk.say("He keeps his dignity and we stay a family.", "Letting go together")
    card = draft_card(talk.answers)
    assert card.title == "Letting go together"
    assert card.description == "He keeps his dignity and we stay a family."
    assert [line.text for line in card.lines] == [
        "SIGNS of whether he can still decide something",
        "WAYS to let him pick the day he stops",
        "SMALL CHANGES in his mood",
    ]
    said = {answer.turn: answer.text for answer in talk.answers}
    assert all(line.quote.text in said[line.quote.turn] for line in card.lines)


def test_lines_come_from_what_mattered_where_nothing_else_was_said() -> None:
    talk = Talk(budget=3)
    talk.answers = [Answer(2, "situation", STORY), Answer(4, "mattered", "that he is the one who ends it")]
    assert talk.lines() == ["SIGNS that he is the one who ends it"]


def test_an_answer_that_was_redirected_is_no_line() -> None:
    talk = Talk()
    talk.say(STORY, "that he ends it", "respect", "the tone of his voice")
    assert talk.lines() == ["SIGNS in the tone of his voice", "SIGNS that he ends it"]


def test_without_a_name_the_first_line_gives_one() -> None:
    talk = Talk(budget=3)
    talk.say(STORY, "let him pick the day he stops driving", "no idea")
    assert draft_card(talk.answers).title == "Let him pick the day he"


def test_no_more_than_seven_lines_are_made() -> None:
    talk = Talk()
    talk.say(STORY, "that he ends it", "\n".join(f"the colour of door {word}" for word in "abcdefghij"))
    assert len(talk.lines()) <= 7


def test_what_does_not_make_a_line_is_left_out() -> None:
    talk = Talk()
    talk.say(STORY, "that he ends it", "- his eyes\n- that's all\n- I don't know\n- what do you mean?")
    assert talk.lines() == ["SIGNS in his eyes", "SIGNS that he ends it"]


def test_in_other_languages_lines_stay_as_they_were_written() -> None:
    talk = Talk(language="de")
    talk.say("Ja, bei meinem Onkel war das so", "dass er es selbst beendet", "ob er noch wählen kann")
    assert talk.lines() == ["ob er noch wählen kann", "dass er es selbst beendet"]


def test_in_other_languages_a_short_answer_is_asked_about_once() -> None:
    talk = Talk(language="de")
    assert talk.say("Ja").key == "situation.more"
    assert talk.say("Ja").key == "mattered"


def test_a_talk_that_began_with_a_model_goes_on_from_its_stage() -> None:
    answers = [
        Answer(2, "situation", STORY),
        Answer(4, "mattered", "him"),
        Answer(6, "attention", "when he can choose"),
    ]
    assert reply(answers, budget=8).key == "attention.more"


def test_after_words_of_danger_without_a_help_text_there_is_still_help() -> None:
    assert "emergency number" in guide.help_for("")


def test_what_a_model_asked_at_the_end_gives_no_name() -> None:
    answers = [Answer(2, "attention", "when he can choose freely"), Answer(4, "check", "Yes, that is right so far")]
    assert draft_card(answers).title == "When he can choose freely"


def test_nothing_to_look_for_is_asked_about_in_a_smaller_way() -> None:
    talk = Talk()
    assert talk.say(STORY, "that he is the one who ends it", "no").key == "attention.unsure"


def test_these_things_are_asked_about_only_where_there_are_some() -> None:
    assert Talk().say("", "", "").key == "check.name"


def test_in_other_languages_a_word_or_two_to_the_question_for_more_are_no_line() -> None:
    talk = Talk(language="de")
    talk.say("Ja, mein Vater fährt noch jeden Tag.", "Dass er selbst noch mitreden kann.", "ob ihn jemand fragt")
    assert talk.say("nein").key == "why"
    assert talk.lines() == ["ob ihn jemand fragt", "Dass er selbst noch mitreden kann"]


def test_a_name_is_one_sentence() -> None:
    talk = Talk()
    talk.say(STORY, "that he is the one who ends it", "his eyes\nhis hands\nhow he asks\nif he eats", "He can rest.")
    talk.say("He ends it. Nobody else does.")
    assert draft_card(talk.answers).title == "He ends it"
