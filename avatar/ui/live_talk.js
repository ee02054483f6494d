// Runs when the Talk button is loaded: the microphone, piece by piece and in order, to the server.
const root = document.querySelector('gradio-app') || document.body;
const button = element.querySelector('button'), stage = root.querySelector('.live-stage');
const PIECE_S = 0.25;
let busy = false, stop = null;  // ends what is said, while something is
const recorder = `registerProcessor('recorder', class extends AudioWorkletProcessor {
  process([[samples]]) { if (samples) this.port.postMessage(samples); return true; }
});`;
function show(talking) {
  button.classList.toggle('on', talking);
  button.querySelector('span').textContent = talking ? 'Done' : 'Talk';
}
function base64(pieces) {
  const pcm = Int16Array.from(pieces.flatMap((piece) => [...piece]),
    (x) => Math.max(-1, Math.min(1, x)) * 32767);
  return btoa(Array.from(new Uint8Array(pcm.buffer), (x) => String.fromCharCode(x)).join(''));
}
async function talk() {
  const stream = await navigator.mediaDevices.getUserMedia({audio: true});
  const context = new AudioContext(), key = crypto.randomUUID();
  await context.audioWorklet.addModule(URL.createObjectURL(
    new Blob([recorder], {type: 'text/javascript'})));
  const node = new AudioWorkletNode(context, 'recorder', {numberOfOutputs: 0});
  let waiting = [], talking = true;
  node.port.onmessage = ({data}) => waiting.push(data);
  context.createMediaStreamSource(stream).connect(node);
  stop = () => {
    [talking, stop] = [false, null];
    stream.getTracks().forEach((track) => track.stop());
    context.close();
  };
  trigger('start_recording', {key});
  let refused = 0;
  try {
    do {
      await new Promise((then) => setTimeout(then, PIECE_S * 1000));
      const pieces = waiting.splice(0);
      if (!pieces.length) continue;
      if (await server.hear(key, context.sampleRate, base64(pieces))) refused = 0;
      else if (++refused > 40) break;
      else waiting.unshift(...pieces);  // she does not listen yet
    } while (talking || waiting.length && refused);
  } finally {
    await server.hush(key);
  }
}
button.addEventListener('click', async () => {
  if (busy) return stop?.();
  if ((stage.dataset.scene || 'listens') !== 'listens') return;
  busy = true;
  show(true);
  try {
    await talk();
  } catch (error) {
    element.querySelector('p').textContent = `No microphone can be used here: ${error.message}.`;
  } finally {
    stop?.();
    busy = false;
    show(false);
  }
});
stage.addEventListener('scene', ({detail}) => {
  if (detail !== 'hears') stop?.();
});
