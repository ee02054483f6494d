// Runs when the plot is loaded: its mark stands at the slider's frame, a click moves the slider.
const root = document.querySelector('gradio-app') || document.body;
const slider = () => root.querySelector('.frame-slider input[type=range]');
const figure = () => element.querySelector('.curves');
function follow() {
  const s = slider();
  if (s && figure() && figure().offsetParent) {
    const at = (Number(s.value) + 0.5) / Number(figure().dataset.frames);
    figure().querySelector('.playhead').style.left = `${Math.min(at, 1) * 100}%`;
  }
  requestAnimationFrame(follow);
}
element.addEventListener('pointerdown', (event) => {
  const plot = event.target.closest('.scroll'), s = slider();
  if (!plot || !s) return;
  const move = ({clientX}) => {
    const box = plot.getBoundingClientRect();
    const at = Math.min(Math.max((clientX - box.left) / box.width, 0), 1);
    s.value = Math.min(Math.floor(at * Number(figure().dataset.frames)), Number(s.max));
    s.dispatchEvent(new Event('input', {bubbles: true}));
  };
  const stop = () => {
    removeEventListener('pointermove', move);
    s.dispatchEvent(new Event('pointerup', {bubbles: true}));
  };
  addEventListener('pointermove', move);
  addEventListener('pointerup', stop, {once: true});
  move(event);
});
requestAnimationFrame(follow);
