"""A digit classifier with FastAPI and onnxruntime: the server many teams already have.

  POST /predict   {"image": [64 numbers]} -> {"label": 3, "scores": [10 numbers]}, Content-Type application/json
  GET  /health    {"ready": true}

Run `python fastapi_server.py --model ../digits/models/v2.onnx --port 8501` with the exact versions of
requirements-fastapi.txt. uvicorn finishes the requests in flight on SIGTERM.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Annotated

import numpy as np
import onnxruntime
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

PIXELS = 64

Pixel = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e6, le=1e6)]


class PredictRequest(BaseModel):
    image: Annotated[list[Pixel], Field(min_length=PIXELS, max_length=PIXELS)]


class PredictResponse(BaseModel):
    label: int
    scores: list[float]


class Health(BaseModel):
    ready: bool


def create_app(session: onnxruntime.InferenceSession) -> FastAPI:
    app = FastAPI(title="Digits")
    app.add_exception_handler(RequestValidationError, bad_request)

    @app.get("/health")
    def health() -> Health:
        return Health(ready=True)

    @app.post("/predict")
    def predict(request: PredictRequest) -> PredictResponse:
        image = np.asarray([request.image], dtype=np.float32)
        label, probabilities = session.run(["label", "probabilities"], {"image": image})
        return PredictResponse(label=int(label[0]), scores=probabilities[0].tolist())

    return app


async def bad_request(_request: Request, problem: Exception) -> JSONResponse:
    """Malformed input is a 400 with one sentence, as from the other example servers."""
    if not isinstance(problem, RequestValidationError):
        raise problem
    first = problem.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse(status_code=400, content={"error": f"{where}: {first['msg']}"})


def load_session(model: Path) -> onnxruntime.InferenceSession:
    """One thread per prediction: concurrency comes from requests, not from inside a small model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A digit classifier with FastAPI and onnxruntime.")
    parser.add_argument("--model", type=Path, required=True, help="a digits model, such as ../digits/models/v2.onnx")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    return parser.parse_args()


def main() -> None:
    chosen = arguments()
    app = create_app(load_session(chosen.model))
    uvicorn.run(app, host=chosen.host, port=chosen.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
