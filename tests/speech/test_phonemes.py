"""Every phone that espeak-ng emits in the named languages has a mouth shape."""

import logging
from pathlib import Path

import espeakng_loader
import pytest

from avatar.speech import espeak
from avatar.speech.phonemes import (
    ARPABET,
    IPA,
    VISEMES,
    Phone,
    is_mark,
    is_voiced,
    segments,
    strict_visemes_of,
    visemes_of,
)
from avatar.speech.tts import speak

# Sentences that hold as many of a language's sounds as fit.
TEXTS = {
    "en-us": (
        "The quick brown fox jumps over a lazy dog, while Joyce measured the beige garage. "
        "Thirty-three thirsty boys, though poor, enjoyed pure vision. Button, little, "
        "bottle, rhythm, hour, fire, player, near, fair, tour, church, judge, singing, yes, "
        "unhappy, what a huge casual mirage!"
    ),
    "en-gb": (
        "The quick brown fox jumps over a lazy dog, while Joyce measured the beige garage. "
        "Near the square, pure fire and flour; a nurse's father bought a boat. Loch, when, "
        "button, bottle, rhythm, idea of it, law and order, happy, choose, thing, those, "
        "judge."
    ),
    "es": (
        "El veloz murciélago hindú comía feliz cardillo y kiwi. La cigüeña tocaba el saxofón "
        "detrás del palenque de paja. Año, lluvia, perro, guerra, ciudad, hacia, hielo, "
        "huevo, Europa, ley, boina, desde, mismo, abogado, cinco, examen, reloj, un beso."
    ),
    "fr-fr": (
        "Portez ce vieux whisky au juge blond qui fume. Un bon vin blanc, l'agneau, la "
        "feuille, le œuf, deux sœurs, puis oui, la huitième nuit, Noël, été, tête, pâte, "
        "camping, rhum, chaud, gens, lundi, brun, il pleut, monsieur, pays, huit."
    ),
    "de": (
        "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. Ich mache auch "
        "Pfannkuchen; der Vater hört schöne Lieder, heute, Häuser, mein Baum, Dschungel, "
        "tschüss, Genie, Restaurant, Uhr, Tür, Bär, Ohr, müssen, singen, Sprache, Qualität, "
        "ein Team, der Job."
    ),
    "it": (
        "Pranzo d'acqua fa volti sghembi. Gli gnomi scelgono la zuppa, l'uovo, il ghiaccio, "
        "la chiesa, ciao, giorno, zero, mezzo, pazzo, figlio, bagno, scena, quando, guerra, "
        "perché, città, così, più, banca, rosa, poi, euro, buoi."
    ),
    "pt-br": (
        "Luís argüia à Júlia que brações, fé, chá, óxido, pôr, zângão eram palavras do "
        "português. Não, mãe, põe, muito, bem, ontem, filho, manhã, tia, dia, carro, mar, "
        "mesmo, água, leite, viu, Brasil, cinco, um, jeito, chave, quente, ruim, céu, herói."
    ),
    "pl": (
        "Pchnąć w tę łódź jeża lub ośm skrzyń fig. Zażółć gęślą jaźń. Cześć, dziękuję, że, "
        "dżungla, dzwon, czy, trzy, szczęście, ręka, wąż, będzie, koń, ciało, zima, życie, "
        "mały, ryba, chleb, giełda, kiedy, bądź, hymn."
    ),
    "ru": (
        "Съешь же ещё этих мягких французских булок, да выпей чаю. Здравствуйте! Щука, цирк, "
        "чёрный, жить, объект, семья, сегодня, хорошо, молоко, юг, яма, эхо, вожжи, дети, "
        "пять, гимн, кит, тётя, ночь, пыль, мёд, люблю, Фёдор, джаз."
    ),
    "hi": (
        "नमस्ते, आप कैसे हैं? ऋषि ने ज्ञान, क्षमा, श्रम और ऐनक को घर में ढूँढ़ा। बड़ा लड़का "
        "झूठ नहीं बोलता, ठंडा पानी पीता है। छाता, फल, भारत, धन, थाली, खाना, टमाटर, डमरू, "
        "णमो, हँसना, औरत, अंगूर, क़लम, ख़बर, ग़ज़ल, फ़िल्म, ज़मीन, दुःख, माँ, मुँह, ऊँट, "
        "ईंट, एक, ओस।"
    ),
    "ko": (
        "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다. 안녕하세요, "
        "반갑습니다. 꽃, 빵, 땅, 쌀, 짜다, 의사, 외국, 위, 웨이터, 왜, 과자, 여자, 얘기, "
        "계란, 요리, 유리, 싫어요, 값, 읽다, 책, 밖, 부엌, 놓다, 굳이, 좋아요."
    ),
    "ja": (
        "いろはにほへと ちりぬるを わかよたれそ つねならむ。うゐのおくやま けふこえて。コーヒ"
        "ー、ファン、フィルム、ティー、パーティー、ヴァイオリン、きゃく、しゅみ、ちょっと、に"
        "ゃあ、ひょう、みゃく、りょこう、ぎゅうにゅう、じゃあ、びょういん、ぴょん、さんぽ、け"
        "んこう、ざっし、つづく、ずっと。"
    ),
    "cmn": (
        "你好，我们今天去北京。中国人说：春天的风很暖和，日子过得快。女人、绿色、儿子、二月、"
        "远处、月亮、穷、熊、雪、学校、知道、吃饭、十四、四十、自己、词语、思想、光荣、对、酒"
        "、爱、欧洲、恩人、昂首、翁、烟、鸭、夜、腰、优、因、英、用、蛙、窝、歪、威、弯、文、"
        "忘。"
    ),
}


def spoken(language: str) -> set[str]:
    """The phones of a language's text."""
    return {p.symbol for u in speak(TEXTS[language], language) for p in u.phones}


def inventory(table: str) -> list[str]:
    """The names of a phoneme table of espeak-ng's data, with those of the tables that it builds on.

    The file: a count, then for each table its size, its base's number, its name, its phonemes.
    """
    data = (Path(espeakng_loader.get_data_path()) / "phontab").read_bytes()
    tables: list[tuple[str, int, list[str]]] = []
    at = 4
    for _ in range(data[0]):
        size, base = data[at], data[at + 1]
        name = data[at + 4 : at + 36].split(b"\0")[0].decode()
        at += 36
        names = [data[at + 16 * i : at + 16 * i + 4].rstrip(b"\0") for i in range(size)]
        tables.append((name, base, [n.decode("latin-1") for n in names]))
        at += 16 * size
    numbers = {name: i for i, (name, _, _) in enumerate(tables)}
    number, result = numbers[table], []
    while True:
        result += tables[number][2]
        if tables[number][1] == 0:
            return result
        number = tables[number][1] - 1


@pytest.mark.parametrize("language", TEXTS)
def test_every_phone_of_the_text_is_mapped(language: str) -> None:
    phones = spoken(language)
    assert len(phones) > 30
    for symbol in phones:
        assert set(strict_visemes_of(symbol)) <= set(VISEMES), symbol


@pytest.mark.parametrize("language", TEXTS)
def test_every_phone_of_the_inventory_is_mapped(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"en-gb": "en", "fr-fr": "fr", "pt-br": "pt"}.get(language, language)
    # A name that starts with # stands for a class of sounds; | splits names.
    names = [n for n in inventory(table) if n.isprintable() and n.strip("# ") == n and "|" not in n]
    monkeypatch.setattr(espeak, "_END_PAUSE", 0x100)  # espeakPHONEMES: [[names]] are phonemes
    text = " ".join(f"[[{name}]]" for name in names)
    voice = espeak.find_voice(language).id
    _, events = espeak._library().synthesize(text, voice, 450, 50)
    symbols = {symbol for _, symbol in events if not is_mark(symbol)}
    assert len(symbols) > 40
    for symbol in symbols:
        assert strict_visemes_of(symbol), symbol


@pytest.mark.parametrize(
    ("symbol", "shapes"),
    [
        ("ˈɑː", ["aa"]), ("aɪ", ["aa", "ih"]), ("ˌoʊ", ["ow", "uw"]), ("iɑu", ["iy", "aa", "uw"]),
        ("tʃ", ["tdn", "sh"]), ("t͡s", ["tdn", "sz"]), ("pf", ["pbm", "fv"]), ("tɕh", ["tdn", "sh"]),
        ("bʰ", ["pbm"]), ("m̩", ["pbm"]), ("ɜː", ["er"]), ("ɜ", ["ah"]), ("ˈɑ̃", ["aa"]),
        ("onɡ", ["ow", "kg"]), ("ɑːɹ", ["aa", "r"]), ("ç", ["iy"]), ("ɯᵝ", ["uw"]), ("s-", ["sz"]),
        ("", ["sil"]), ("PAU", ["sil"]), ("AY", ["aa", "ih"]),
    ],
)  # fmt: skip
def test_known_phones(symbol: str, shapes: list[str]) -> None:
    assert list(strict_visemes_of(symbol)) == shapes


def test_alphabets_name_only_visemes() -> None:
    for shapes in [*ARPABET.values(), *IPA.values()]:
        assert set(shapes) <= set(VISEMES)


def test_voicing() -> None:
    assert not any(map(is_voiced, ["p", "tʰ", "tʃ", "tɕh", "ç", "ˈs", "i̥", "PAU", "", "CH", "HH"]))
    assert all(map(is_voiced, ["b", "dʰ", "dʒ", "aɪ", "m̩", "ɜː", "ɦ", "z", "JH", "AA"]))


def test_marks() -> None:
    assert all(map(is_mark, ["(en)", "(fr-fr)", "ˈ", "5", "˧˥", "ː"]))
    assert not any(map(is_mark, ["", "PAU", "a", "ˈa", "s-"]))


def test_strange_phone_is_guessed_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    visemes_of.cache_clear()
    with pytest.raises(KeyError):
        strict_visemes_of("ȶ")
    with caplog.at_level(logging.WARNING):
        assert [visemes_of("ȶ"), visemes_of("ȶ")] == [("tdn",)] * 2
        assert visemes_of("火") == ("ah",)
    assert len(caplog.records) == 2
    assert [s.viseme for s in segments([Phone(0, 1, "火")])] == ["ah"]


def test_shapes_share_the_time_of_a_phone() -> None:
    first, second = segments([Phone(1.0, 2.0, "aɪ")])
    assert (first.start, first.end, second.start, second.end) == (1.0, 1.5, 1.5, 2.0)
    assert (first.viseme, second.viseme, first.voiced) == ("aa", "ih", True)
