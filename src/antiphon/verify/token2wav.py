"""Stages of the token2wav layout, from files to the streamed wave."""

import torch
from antiphon.verify.flow_parts import check_conformer, check_dit
from antiphon.verify.record import Record
from antiphon.verify.voice_parts import (
    check_features,
    check_files,
    check_fsq,
    check_hift,
    check_tokenizer,
    load_hift,
)
from antiphon.weights.build import build
from antiphon.weights.flow_yaml import read_flow_yaml
from antiphon.weights.tensors import open_safetensors
from antiphon.model.conformer import Conformer
from antiphon.model.dit import DiT


def check_token2wav(record: Record) -> None:
    """Run every stage."""
    with record.stage("files"):
        check_files(record)
    with record.stage("features"):
        check_features(record)
    with record.stage("s3tokenizer.npz"):
        tokenizer = check_tokenizer(record)
        with record.stage("fsq.npz"):
            check_fsq(record, tokenizer)
    with record.stage("hift.npz"):
        hift = load_hift(record)
        check_hift(record, hift)
    config = read_flow_yaml(record.get("tiny_flow.yaml"))
    store = open_safetensors(record.get("tiny_flow.safetensors"))
    enc = build(lambda: Conformer(config.conformer, config.input_size), store.only(lambda n: n.startswith("encoder.")).renamed(lambda n: n.removeprefix("encoder.")), what="c")
    dit = build(lambda: DiT(config.dit), store.only(lambda n: n.startswith("decoder.")).renamed(lambda n: n.removeprefix("decoder.estimator.")), what="c")
    table = torch.nn.Embedding.from_pretrained(store["input_embedding.weight"].read())
    with record.stage("encoder.npz"):
        check_conformer(record, enc, table)
    with record.stage("dit.npz"):
        check_dit(record, dit)
