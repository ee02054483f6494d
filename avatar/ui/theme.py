"""How the page looks: colours from her studio (grey-blue, navy, the red of her lips), two fonts.

The fonts come with Gradio and are served from the page's own address.
"""

from pathlib import Path

import gradio as gr

STYLES = tuple(Path(__file__).with_name(name) for name in ("style.css", "compare.css", "live.css"))
"""The style sheets beside the theme."""

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
