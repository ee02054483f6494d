// Runs when the timeline is loaded: a playhead that follows the video, a click that moves it.
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
