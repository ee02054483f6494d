// Runs when the stage of the Live tab is loaded: who is seen on it, and what is said about it.
const stage = element.closest('.live-stage');
const words = {
  listens: () => 'She listens',
  hears: () => 'She hears you',
  thinks: () => 'A moment …',
  speaks: () => first ? `She speaks · first picture after ${first} s` : 'She speaks',
  waits: () => 'The next second is being made …',
};
let clicked = 0, first = '';
function show(scene) {
  stage.dataset.scene = scene;
  element.querySelector('.scene span').textContent = words[scene]();
  if (scene === 'listens') trigger('stop');
}

// Where her answer takes turns with the loop of her listening, her head is at the same place in
// both: an answer begins with a frame of the loop, which waits for it there, and the loop goes on
// with the frame that is most like the last of the answer.
const AHEAD = 10;  // frames from the click to that one: no answer comes sooner
const HOLD_MS = 4000;  // who waits in line shall not see her stand still
const SIDE = 48;  // px, of pictures that are small and still tell where her head is
const canvas = Object.assign(document.createElement('canvas'), {width: SIDE, height: SIDE});
const pen = canvas.getContext('2d', {willReadFrequently: true});
const loop = () => stage.querySelector('.idle video');
const frames = (video) => Number(video.dataset.frames);
const seconds = (frame, video) => (frame + 0.5) / video.dataset.fps;
let held = null, release = 0;
function look(video) {
  pen.drawImage(video, 0, 0, SIDE, SIDE);
  return pen.getImageData(0, 0, SIDE, SIDE).data;
}
function watch(video) {
  video.looks = [];
  const seen = (_, {mediaTime}) => {
    const frame = Math.round(mediaTime * video.dataset.fps);
    video.looks[frame] ??= look(video);
    if (held !== null && (frame - held + frames(video)) % frames(video) < frames(video) / 2) {
      video.pause();
      video.currentTime = seconds(held, video);
      held = null;
    }
    video.requestVideoFrameCallback(seen);
  };
  video.requestVideoFrameCallback(seen);
}
function hold(video) {  // returns where
  held = (Math.floor(video.currentTime * video.dataset.fps) + AHEAD) % frames(video);
  release = setTimeout(() => video.play(), HOLD_MS);
  return held;
}
function alike(video, answer) {
  const shown = look(answer);
  let best = 0, least = Infinity;
  video.looks.forEach((pixels, frame) => {
    let apart = 0;
    for (let i = 0; i < shown.length; i++) apart += Math.abs(pixels[i] - shown[i]);
    if (apart < least) [best, least] = [frame, apart];
  });
  return best;
}
function turn(answered) {  // to her answer, or back to her listening
  const video = loop(), answer = stage.querySelector('.video video');
  [held] = [null, clearTimeout(release)];
  if (answered) {
    stage.dataset.seen = 'answer';
    return video?.pause();  // her listening costs as much as her speaking
  }
  answer?.pause();
  if (stage.dataset.seen && video?.looks) {
    video.currentTime = seconds(alike(video, answer), video);
    video.addEventListener('seeked', () => delete stage.dataset.seen, {once: true});
  } else {
    delete stage.dataset.seen;
  }
  video?.play();
}

stage.addEventListener('scene', ({detail}) => {
  turn(false);
  show(detail);
  if (detail === 'listens') return;
  [clicked, first] = [performance.now(), ''];
  if (loop()) stage.dataset.start = hold(loop());
  if (stage.getBoundingClientRect().top < 0) stage.scrollIntoView({behavior: 'smooth'});
});
const on = (name, where, then) => stage.addEventListener(name, (event) => {
  if (event.target.closest(where)) then(event.target);
}, true);  // these events do not bubble
const speaking = () => (stage.dataset.scene || 'listens') !== 'listens';
on('playing', '.idle', (video) => video.looks || watch(video));
on('playing', '.video', (video) => {
  if (!speaking()) return video.pause();  // begun just as it was stopped
  video.requestVideoFrameCallback(() => {  // until there is a picture it is black
    if (!speaking()) return;
    if (!first && clicked) first = ((performance.now() - clicked) / 1000).toFixed(1);
    turn(true);
    show('speaks');
  });
});
on('waiting', '.video', (video) => speaking() && first && !video.ended && show('waits'));
on('ended', '.video', () => {
  if (!speaking()) return;
  turn(false);
  show('listens');
});
