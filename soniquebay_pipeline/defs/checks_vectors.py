"""Asset checks of the vectors; what they look at is in ``vectors.validate``."""

import dagster as dg

from soniquebay_pipeline.defs.resources import Pipeline


def _check(name: str, description: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="embeddings", name=name, description=description)
    def check(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
        from soniquebay_pipeline.vectors.validate import look_at

        found = look_at(pipeline.engine, pipeline.settings, name)
        return dg.AssetCheckResult(
            passed=found.ok,
            severity=dg.AssetCheckSeverity.ERROR if found.serious else dg.AssetCheckSeverity.WARN,
            description=found.text,
            metadata=found.numbers,
        )

    return check


VECTOR_CHECKS = [
    _check("vector_coverage", "Nearly every track has vectors."),
    _check("vector_dimensions", "Every vector has the dimensions of its kind and model."),
    _check("vector_lengths", "Every vector has unit length; none is zero or not a number."),
    _check("vector_models", "All vectors are of the model, the weight and the scaler in force."),
    _check("vector_orphans", "Every vector has its track and the vectors it was made of."),
    _check("scaler_fits", "The scaler was fitted on a library of about this size."),
]
