"""How the page looks: colours from her studio (grey-blue, navy, the red of her lips), two fonts.

The fonts come with Gradio and are served from the page's own address.
"""

import gradio as gr

LIPS = gr.themes.Color(
    c50="#fdf5f3", c100="#fae7e3", c200="#f4d0c8", c300="#eab0a4", c400="#dc8878",
    c500="#c9634f", c600="#b04e3c", c700="#8f3d2f", c800="#743429", c900="#5f2e26",
    c950="#33140f", name="lips",
)  # fmt: skip
SLATE = gr.themes.Color(
    c50="#f6f7f8", c100="#eceef1", c200="#dce0e5", c300="#c2c9d1", c400="#93a0ad",
    c500="#67747f", c600="#4c5863", c700="#38434d", c800="#232c35", c900="#171e25",
    c950="#0e1318", name="slate",
)  # fmt: skip


class Theme(gr.themes.Base):
    """Quiet surfaces, thin lines, one warm colour for what can be acted on."""

    def __init__(self) -> None:
        sans = gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700))
        super().__init__(
            primary_hue=LIPS,
            secondary_hue=SLATE,
            neutral_hue=SLATE,
            radius_size=gr.themes.sizes.radius_lg,
            font=(sans, "system-ui", "-apple-system", "Segoe UI", "Helvetica Neue", "sans-serif"),
            font_mono=("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"),
        )
        self.name = "avatar"
        self.set(
            body_background_fill="#f4f5f6",
            body_background_fill_dark="*neutral_950",
            body_text_color="*neutral_800",
            body_text_color_dark="*neutral_100",
            body_text_color_subdued="*neutral_500",
            body_text_color_subdued_dark="*neutral_400",
            background_fill_primary="white",
            background_fill_primary_dark="*neutral_900",
            background_fill_secondary="*neutral_50",
            background_fill_secondary_dark="*neutral_800",
            border_color_primary="*neutral_200",
            border_color_primary_dark="*neutral_700",
            block_background_fill="transparent",
            block_background_fill_dark="transparent",
            block_border_width="0px",
            block_padding="0px",
            block_shadow="none",
            block_label_background_fill="transparent",
            block_label_background_fill_dark="transparent",
            block_label_border_width="0px",
            block_label_text_color="*neutral_600",
            block_label_text_color_dark="*neutral_300",
            block_title_text_color="*neutral_700",
            block_title_text_color_dark="*neutral_200",
            block_title_text_weight="600",
            block_title_text_size="*text_sm",
            block_info_text_color="*neutral_500",
            block_info_text_color_dark="*neutral_400",
            block_info_text_size="*text_sm",
            input_background_fill="white",
            input_background_fill_dark="*neutral_900",
            input_border_color="*neutral_200",
            input_border_color_dark="*neutral_700",
            input_border_color_focus="*primary_500",
            input_border_color_focus_dark="*primary_400",
            input_border_width="1px",
            input_shadow="none",
            input_shadow_focus="0 0 0 3px #c9634f2e",
            input_radius="12px",
            button_large_radius="14px",
            button_small_radius="10px",
            button_primary_background_fill="*primary_600",
            button_primary_background_fill_dark="*primary_500",
            button_primary_background_fill_hover="*primary_700",
            button_primary_background_fill_hover_dark="*primary_600",
            button_primary_text_color="white",
            button_primary_text_color_dark="white",
            button_primary_border_color="transparent",
            button_secondary_background_fill="white",
            button_secondary_background_fill_dark="*neutral_800",
            button_secondary_background_fill_hover="*neutral_100",
            button_secondary_background_fill_hover_dark="*neutral_700",
            button_secondary_border_color="*neutral_200",
            button_secondary_border_color_dark="*neutral_700",
            checkbox_background_color_selected="*primary_600",
            checkbox_border_color_selected="*primary_600",
            slider_color="*primary_600",
            slider_color_dark="*primary_400",
            color_accent="*primary_600",
            color_accent_soft="*primary_50",
            color_accent_soft_dark="#33140f",
            link_text_color="*primary_700",
            link_text_color_dark="*primary_300",
        )


CSS = """
@font-face {
  font-family: "Lora"; font-weight: 400; src: url("static/fonts/Lora/Lora-Regular.woff2");
}
.gradio-container { max-width: 1140px !important; margin: 0 auto !important; }
.gradio-container main { padding: 0 24px !important; }
footer { opacity: .75; }

/* Head of the page */
.masthead { display: flex; align-items: baseline; gap: 16px; padding: 30px 0 10px; }
.masthead h1 { font: 400 34px/1.1 Lora, Georgia, serif; letter-spacing: -.01em; margin: 0; }
.masthead p { margin: 0; color: var(--body-text-color-subdued); font-size: 16px; }

/* Two columns: her, and what she is to say */
.speak { gap: 40px !important; align-items: flex-start; }
.speak > .left { position: sticky; top: 20px; gap: 14px !important; }
.speak > .right { gap: 20px !important; }
.stage {
  display: grid !important; aspect-ratio: 1; border-radius: 22px; overflow: hidden; gap: 0 !important;
  padding: 0 !important; background: linear-gradient(#9aa7b4, #7d8b98);
  box-shadow: 0 24px 48px -24px #17202b66, 0 0 0 1px #17202b14;
}
.stage > * { grid-area: 1 / 1; width: 100% !important; height: 100% !important; margin: 0 !important;
  border: 0 !important; border-radius: 0 !important; min-width: 0 !important; }
.stage .image-container, .stage .image-frame, .stage button { height: 100%; width: 100%; }
.stage img, .stage video { width: 100% !important; height: 100% !important; object-fit: cover;
  max-height: none !important; border-radius: 0 !important; }
.stage > .video:not(:has(video)) { visibility: hidden; pointer-events: none; }
.stage .progress-text, .stage .eta-bar { display: none; }

/* What is going on */
.status { min-height: 46px; font-size: 15px; }
.status b { font-weight: 600; }
.status .muted { color: var(--body-text-color-subdued); }
.status .bar { height: 4px; border-radius: 2px; margin-top: 9px; overflow: hidden;
  background: var(--border-color-primary); }
.status .bar i { display: block; height: 100%; border-radius: 2px; background: var(--color-accent);
  transition: width .3s; }
.status .bar.unknown i { width: 30%; animation: wander 1.4s ease-in-out infinite alternate; }
@keyframes wander { from { margin-left: 0 } to { margin-left: 70% } }
.facts { display: flex; gap: 8px 26px; flex-wrap: wrap; margin: 0; }
.facts div { display: flex; flex-direction: column-reverse; }
.facts dt { color: var(--body-text-color-subdued); font-size: 13px; }
.facts dd { margin: 0; font: 400 23px/1.2 Lora, Georgia, serif; font-variant-numeric: tabular-nums; }
.facts .wide dd { font: 400 15px/1.85 var(--font); }
.downloads { gap: 8px !important; }
.downloads > * { min-width: 0 !important; flex: 1 1 0 !important; font-size: 14px !important;
  font-weight: 400 !important; white-space: nowrap; padding: 9px 6px !important; }
.downloads > .first { flex: 1 1 100% !important; font-size: 16px !important;
  font-weight: 700 !important; }

/* Clips: a radio group of moving pictures */
.clip-style { position: absolute !important; height: 0; }
.clips > .wrap:not(.default) { display: grid; grid-template-columns: repeat(4, 1fr); gap: 10px; }
.clips label { flex-direction: column; align-items: center; gap: 0 !important; padding: 0 !important;
  overflow: hidden; border-radius: 14px; border: 0; cursor: pointer; position: relative;
  background: none !important; box-shadow: 0 0 0 1px var(--border-color-primary); }
.clips label::before { content: ""; width: 100%; aspect-ratio: 1; background: #8794a1 center/cover; }
.clips label span { margin: 0 !important; padding: 7px 4px 8px; font-size: 14px; width: 100%;
  text-align: center; text-transform: capitalize; color: var(--body-text-color); }
.clips label input { position: absolute; opacity: 0; }
.clips label.selected { box-shadow: 0 0 0 2.5px var(--color-accent); }
.clips label.selected span { font-weight: 600; }
.clips label:focus-within { outline: 3px solid #c9634f66; outline-offset: 2px; }

/* Inputs */
.speak .form { background: none !important; border: 0 !important; gap: 16px !important;
  overflow: visible !important; box-shadow: none !important; border-radius: 0 !important; }
.speak .block { overflow: visible !important; }
.label-switch { align-self: center; padding-top: 14px !important; }
.chips { gap: 8px !important; flex-wrap: wrap; }
.chips button { flex: 0 0 auto !important; border-radius: 999px !important; padding: 5px 14px !important;
  font-weight: 400 !important; font-size: 14px !important; }
.speak .tab-container button { font-size: 16px; }
.speak .tabitem { padding: 2px 0 0 !important; border: 0 !important; gap: 16px !important; }
.speak textarea { font-size: 17px !important; line-height: 1.5 !important; }
.go { gap: 10px !important; }
.go .generate { flex: 3 1 0 !important; font-size: 17px; min-height: 54px; }
.go .cancel { flex: 1 1 0 !important; min-height: 54px; }
.fineprint { font-size: 13.5px; line-height: 1.55; color: var(--body-text-color-subdued); }
.fineprint a { color: inherit; text-decoration: underline; text-underline-offset: 2px; }
.colophon { border-top: 1px solid var(--border-color-primary); margin-top: 26px; padding: 20px 0 8px;
  display: grid; grid-template-columns: repeat(3, 1fr); gap: 12px 36px; }
.colophon h2 { font-size: 13.5px; font-weight: 600; margin: 0 0 3px; color: var(--body-text-color); }
.colophon p { margin: 0; }

/* The viseme timeline */
.timeline { margin: 6px 0 0; --closed: #b04e3c; --teeth: #d89a3e; --open: #31597c; --wide: #5f9ea0;
  --round: #7b6ba8; --tongue: #93a0ad; }
.dark .timeline { --closed: #dc8878; --teeth: #e0b060; --open: #6f9cc4; --wide: #7fbcbc;
  --round: #a596d0; --tongue: #67747f; }
.timeline figcaption { display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: center;
  font-size: 13px; color: var(--body-text-color-subdued); margin-bottom: 10px; }
.timeline figcaption b { color: var(--body-text-color); font-size: 15px; margin-right: 6px; }
.timeline figcaption i { display: inline-block; width: 12px; height: 12px; border-radius: 3px;
  margin-right: 6px; vertical-align: -1px; background: var(--shade); }
.timeline .opening-key { height: 2px; vertical-align: 3px; background: var(--color-accent); }
.timeline .loudness-key, .timeline .loudness { --shade: var(--neutral-300); }
.dark .timeline .loudness-key, .dark .timeline .loudness { --shade: var(--neutral-700); }
.timeline .closed { --shade: var(--closed) } .timeline .teeth { --shade: var(--teeth) }
.timeline .open { --shade: var(--open) } .timeline .wide { --shade: var(--wide) }
.timeline .round { --shade: var(--round) } .timeline .tongue { --shade: var(--tongue) }
.timeline .scroll { position: relative; overflow-x: auto; overflow-y: hidden; cursor: pointer;
  border-radius: 14px; background: var(--background-fill-primary); padding: 10px 0 0;
  box-shadow: 0 0 0 1px var(--border-color-primary) inset; }
.timeline svg { display: block; }
.timeline path, .timeline rect { fill: var(--shade, none); }
.timeline .opening { fill: none; stroke: var(--color-accent); stroke-width: 1.8;
  vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.timeline .tick { stroke: var(--border-color-primary); vector-effect: non-scaling-stroke; }
.timeline .labels { position: absolute; left: 0; top: 10px; height: 176px; pointer-events: none;
  font-size: 11px; }
.timeline .labels span { position: absolute; }
.timeline .name { top: 122px; transform: translateX(-50%); color: white; }
.dark .timeline .name { color: #0e1318; }
.timeline .time { bottom: 2px; padding-left: 5px; color: var(--body-text-color-subdued); }
.timeline .playhead { position: absolute; top: 0; bottom: 0; left: 0; width: 2px; opacity: 0;
  background: var(--body-text-color); pointer-events: none; }

@media (max-width: 760px) {
  .gradio-container main { padding: 0 16px !important; }
  .masthead { flex-direction: column; gap: 4px; padding: 20px 0 6px; }
  .speak { flex-direction: column !important; gap: 18px !important; }
  .speak > .left { position: static; }
  .speak > .column { width: 100% !important; min-width: 0 !important; }
  .go { position: sticky; bottom: 0; z-index: 5; padding: 10px 0 12px;
    background: var(--body-background-fill); }
  .colophon { grid-template-columns: 1fr; }
}
@media (prefers-reduced-motion: reduce) { .status .bar i { animation: none; transition: none; } }
"""

PLAYHEAD = """
const root = document.querySelector('gradio-app') || document.body;
const video = () => root.querySelector('.stage video');
const figure = () => element.querySelector('.timeline');
const width = () => figure().querySelector('svg').getBoundingClientRect().width;
function follow() {
  const v = video();
  if (v && figure() && !v.paused) place(v.currentTime);
  requestAnimationFrame(follow);
}
function place(seconds) {
  const head = figure().querySelector('.playhead'), scroll = figure().querySelector('.scroll');
  const x = seconds / Number(figure().dataset.seconds) * width();
  head.style.opacity = 0.75;
  head.style.transform = `translateX(${x}px)`;
  if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth)
    scroll.scrollLeft = x - scroll.clientWidth * 0.1;
}
element.addEventListener('click', (event) => {
  const scroll = event.target.closest('.scroll'), v = video();
  if (!scroll || !v) return;
  const x = event.clientX - scroll.getBoundingClientRect().left + scroll.scrollLeft;
  v.currentTime = x / width() * Number(figure().dataset.seconds);
  place(v.currentTime);
});
requestAnimationFrame(follow);
"""
"""Script of the timeline: a playhead that follows the video, and a click that moves the video."""
