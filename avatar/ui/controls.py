"""What the Speak tab shows: her picture, what is going on, and everything that can be chosen."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from ..identity import Identity
from ..speech import tts
from .backstage import Backstage
from .previews import picture
from .request import MAX_CHARS, MAX_SECONDS
from .status import PRIVATE, note

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TEXTS = (
    ("English", "en-us", "Hello! I am Mira. Give me a sentence, and I will say it."),
    ("Deutsch", "de", "Guten Tag! Schön, dass Sie da sind. Was soll ich für Sie sagen?"),
    ("Français", "fr-fr", "Bonjour ! Je parle plusieurs langues, et mes lèvres les suivent."),
    ("Español", "es", "¡Hola! Escribe lo que quieras, y yo lo digo por ti."),
    ("Italiano", "it", "Buongiorno! Che bella giornata per una passeggiata."),
    ("Português", "pt-br", "Bom dia! Escreva uma frase, e eu digo para você."),
)
"""Button, language, text."""
FILM_USES = (
    ("The head moves as in the film", "follow"),
    ("The film gets the new words; it has to show the same person", "dub"),
)
IDLE = "Ready. Write or record something, then press Generate."


@dataclass(frozen=True)
class Parts:
    """The components that events read and write."""

    identity: gr.Radio
    own: gr.Textbox
    side: gr.State
    audio: gr.Audio
    transcript: gr.Textbox
    text: gr.Textbox
    language: gr.Dropdown
    voice: gr.Dropdown
    rate: gr.Slider
    pitch: gr.Slider
    clip: gr.Radio
    clip_style: gr.HTML
    film: gr.Video
    film_use: gr.Radio
    motion: gr.HTML
    strength: gr.Slider
    label: gr.Checkbox
    generate: gr.Button
    cancel: gr.Button
    preview: gr.Image
    video: gr.Video
    status: gr.HTML
    timeline: gr.HTML
    info: gr.JSON
    files: gr.File
    downloads: gr.Row
    mp4: gr.DownloadButton
    receipt: gr.DownloadButton
    json: gr.DownloadButton
    csv: gr.DownloadButton
    wav: gr.DownloadButton


def portrait(person: Identity) -> Image.Image | None:
    """The picture that stands on the stage when nothing else does."""
    return picture(person.preview) if person.preview else None


def stage(backstage: Backstage) -> dict[str, Any]:
    """Her picture, the video over it, and what is going on."""
    person = backstage.identity()
    name = person.name.capitalize()
    with gr.Column(elem_classes="stage"):
        preview = gr.Image(
            portrait(person), label="Preview", show_label=False, interactive=False, buttons=[],
            container=False, alt_text=f"{name}, a synthetic person",
        )  # fmt: skip
        video = gr.Video(
            label="Video", show_label=False, interactive=False, autoplay=True, buttons=[],
            container=False, elem_classes="video",
        )  # fmt: skip
    status = gr.HTML(note(IDLE), label="Status")
    with gr.Row(visible=False, elem_classes="downloads") as downloads:
        mp4 = gr.DownloadButton("Download video", size="md", elem_classes="first")
        receipt = gr.DownloadButton("Sync receipt", size="md")
        json = gr.DownloadButton("Visemes JSON", size="md")
        csv = gr.DownloadButton("Visemes CSV", size="md")
        wav = gr.DownloadButton("Voice WAV", size="md")
    info = gr.JSON(label="Info", visible=False)
    files = gr.File(label="Files", file_count="multiple", visible=False)
    return {
        "preview": preview, "video": video, "status": status, "downloads": downloads,
        "mp4": mp4, "receipt": receipt, "json": json, "csv": csv, "wav": wav, "info": info,
        "files": files,
    }  # fmt: skip


def controls(backstage: Backstage) -> dict[str, Any]:
    """Everything that can be chosen."""
    person = backstage.identity()
    identity = gr.Radio(
        backstage.names, value=person.name, label="Who speaks", visible=len(backstage.names) > 1
    )
    own, side = gr.Textbox("", label="Project", visible=False), gr.State("")
    with gr.Tabs(selected="text"):
        with gr.Tab("Text", id="text") as text_tab:
            text = _text_side()
        with gr.Tab("Audio", id="audio") as audio_tab:
            sound = _audio_side()
    text_tab.select(lambda: "text", None, side, **PRIVATE)
    audio_tab.select(lambda: "audio", None, side, **PRIVATE)
    clip = gr.Radio(
        list(person.clips), value=person.clip().name, label="How she moves", elem_classes="clips"
    )
    clip_style = gr.HTML(padding=False, elem_classes="clip-style")
    film = _film_side()
    with gr.Row():
        strength = gr.Slider(
            0, 1.5, 1, step=0.05, label="Mouth strength", min_width=200, buttons=["reset"]
        )
        label = gr.Checkbox(
            True, label="Write “AI-generated” into the corner", min_width=200,
            elem_classes="label-switch",
        )  # fmt: skip
    with gr.Row(elem_classes="go"):
        generate = gr.Button("Generate", variant="primary", size="lg", elem_classes="generate")
        cancel = gr.Button("Cancel", size="lg", interactive=False, elem_classes="cancel")
    return {
        "identity": identity, "own": own, "side": side, **text, **sound, "clip": clip,
        "clip_style": clip_style, **film, "strength": strength, "label": label,
        "generate": generate, "cancel": cancel,
    }  # fmt: skip


def _text_side() -> dict[str, Any]:
    text = gr.Textbox(
        "", label="Text", lines=4, max_lines=10, max_length=MAX_CHARS, show_label=False,
        placeholder="What shall she say?",
    )  # fmt: skip
    buttons = []
    with gr.Row(elem_classes="chips"):
        for name, _, _ in TEXTS:
            buttons.append(gr.Button(name, size="sm", min_width=60))
    with gr.Row():
        language = gr.Dropdown(
            languages(), value="en-us", label="Language", filterable=True, min_width=160
        )
        voice = gr.Dropdown(
            voices_of("en-us"), value=voices_of("en-us")[0][1], label="Voice", min_width=160,
            allow_custom_value=True,
        )  # fmt: skip
    with gr.Row():
        rate = gr.Slider(0.5, 2, 1, step=0.05, label="Speed", min_width=160, buttons=["reset"])
        pitch = gr.Slider(0.5, 2, 1, step=0.05, label="Pitch", min_width=160, buttons=["reset"])
    language.input(change_language, language, voice, **PRIVATE)
    for button, (_, code, sentence) in zip(buttons, TEXTS, strict=True):
        button.click(
            lambda code=code, sentence=sentence: (sentence, code, change_language(code)),
            None, [text, language, voice], **PRIVATE,
        )  # fmt: skip
    return {"text": text, "language": language, "voice": voice, "rate": rate, "pitch": pitch}


def _audio_side() -> dict[str, Any]:
    audio = gr.Audio(
        label=f"Recording, up to {MAX_SECONDS // 60} minutes", sources=["upload", "microphone"],
        type="filepath", buttons=[],
        waveform_options=gr.WaveformOptions(
            waveform_color="#93a0ad", waveform_progress_color="#c9634f"
        ),
    )  # fmt: skip
    transcript = gr.Textbox(
        "", label="Transcript", lines=2, max_length=MAX_CHARS * 4,
        info="Optional, English: what the recording says. It makes the lips more exact.",
    )
    sound = EXAMPLES / "hello.wav"
    if sound.is_file():
        words = sound.with_suffix(".txt").read_text(encoding="utf-8").strip()
        with gr.Row(elem_classes="chips"):
            example = gr.Button("Try a recording", size="sm", min_width=60)
        example.click(lambda: (str(sound), words), None, [audio, transcript], **PRIVATE)
    return {"audio": audio, "transcript": transcript}


def _film_side() -> dict[str, Any]:
    with gr.Accordion("Or a film of yours", open=False, elem_classes="film"):
        film = gr.Video(label="Film", sources=["upload", "webcam"], height=220, buttons=[])
        film_use = gr.Radio(
            FILM_USES, value="follow", label="What it is for", elem_classes="film-use"
        )
        motion = gr.HTML(label="Motion", padding=False)
    return {"film": film, "film_use": film_use, "motion": motion}


def languages() -> list[tuple[str, str]]:
    """(name, code) of every language with a voice, by name."""
    named = {v.language: v.name.rsplit(",", 1)[0] for v in reversed(tts.voices())}
    return sorted((name, code) for code, name in named.items())


def voices_of(language: str) -> list[tuple[str, str]]:
    """(name, id) of the voices of a language; a neural one says what it costs."""
    return [
        (
            f"neural, from the Hub ({voice.licence}: not for commercial use)"
            if "/" in voice.id
            else voice.name.rsplit(", ", 1)[-1],
            voice.id,
        )
        for voice in tts.voices()
        if voice.language == language
    ]


def change_language(language: str) -> Any:
    """The voices of a language, the first one chosen."""
    choices = voices_of(language)
    return gr.Dropdown(choices=choices, value=choices[0][1] if choices else None)
