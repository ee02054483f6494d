// Runs when the stage of the Live tab is loaded: who is seen on it, and what is said about it.
const stage = element.closest('.live-stage');
const words = {
  listens: () => 'She listens',
  hears: () => 'She hears you',
  thinks: () => 'A moment …',
  speaks: () => first ? `She speaks · first picture after ${first} s` : 'She speaks',
  waits: () => 'The next second is being made …',
};
const FADE_MS = 200;
let clicked = 0, first = '';
// Her listening costs as much as her speaking: nobody sees it once the answer has faded in.
let hidden = 0;
function idle(plays) {
  clearTimeout(hidden);
  const video = stage.querySelector('.idle video');
  if (plays) video?.play();
  else hidden = setTimeout(() => video?.pause(), FADE_MS);
}
function show(scene) {
  stage.dataset.scene = scene;
  idle(scene !== 'speaks' && scene !== 'waits');
  element.querySelector('.scene span').textContent = words[scene]();
  if (scene === 'listens') trigger('stop');
}
stage.addEventListener('scene', ({detail}) => {
  show(detail);
  stage.querySelectorAll('.video video').forEach((video) => video.pause());
  if (detail === 'listens') return;
  [clicked, first] = [performance.now(), ''];
  if (stage.getBoundingClientRect().top < 0) stage.scrollIntoView({behavior: 'smooth'});
});
const on = (name, then) => stage.addEventListener(name, (event) => {
  if (event.target.closest('.video')) then(event.target);
}, true);  // these events do not bubble
const speaking = () => (stage.dataset.scene || 'listens') !== 'listens';
on('playing', (video) => {
  if (!speaking()) return video.pause();  // begun just as it was stopped
  if (!first && clicked) first = ((performance.now() - clicked) / 1000).toFixed(1);
  show('speaks');
});
on('waiting', (video) => speaking() && first && !video.ended && show('waits'));
on('ended', () => speaking() && show('listens'));
