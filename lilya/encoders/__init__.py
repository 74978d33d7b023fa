"""Encoders: from any object to JSON, and back.

`register_encoder` teaches the whole process a type; a response's `encoders` teach it to that response alone. What is
known from the start is listed in `_defaults`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lilya._lazy import face

if TYPE_CHECKING:
    from lilya.encoders._defaults import (
        ENCODER_TYPES,
        AttrsEncoder,
        BytesEncoder,
        DataclassEncoder,
        DateEncoder,
        DecimalEncoder,
        EnumEncoder,
        ModelDumpEncoder,
        NamedTupleEncoder,
        PurePathEncoder,
        StructEncoder,
        StructureEncoder,
        TimedeltaEncoder,
        UUIDEncoder,
        register_encoder,
    )
    from lilya.encoders._json import json_bytes, json_encode
    from lilya.encoders._molding import apply_structure
    from lilya.encoders._registry import Encoder, EncoderProtocol, EncoderRegistry, MoldingProtocol
else:
    __getattr__, __dir__ = face(
        __name__,
        {
            "._defaults": "ENCODER_TYPES AttrsEncoder BytesEncoder DataclassEncoder DateEncoder DecimalEncoder "
            "EnumEncoder ModelDumpEncoder NamedTupleEncoder PurePathEncoder StructEncoder StructureEncoder "
            "TimedeltaEncoder UUIDEncoder register_encoder",
            "._json": "json_bytes json_encode",
            "._molding": "apply_structure",
            "._registry": "Encoder EncoderProtocol EncoderRegistry MoldingProtocol",
        },
    )

__all__ = [
    "ENCODER_TYPES",
    "AttrsEncoder",
    "BytesEncoder",
    "DataclassEncoder",
    "DateEncoder",
    "DecimalEncoder",
    "Encoder",
    "EncoderProtocol",
    "EncoderRegistry",
    "EnumEncoder",
    "ModelDumpEncoder",
    "MoldingProtocol",
    "NamedTupleEncoder",
    "PurePathEncoder",
    "StructEncoder",
    "StructureEncoder",
    "TimedeltaEncoder",
    "UUIDEncoder",
    "apply_structure",
    "json_bytes",
    "json_encode",
    "register_encoder",
]
