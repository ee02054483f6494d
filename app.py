"""The page as a Space, or at home: ``python app.py``."""

try:
    import spaces  # ZeroGPU wants to be first, before anything touches CUDA
except ImportError:
    spaces = None

from avatar.ui.backstage import Backstage, gpu_seconds
from avatar.ui.page import build, serve

demo = build(Backstage(spaces.GPU(duration=gpu_seconds) if spaces else None))

if __name__ == "__main__":
    serve(demo=demo)
