"""The expression language of Kargo's manifests: expr-lang v1.17, bare and in `${{ }}` templates."""

from flows.expression.errors import ExpressionError
from flows.expression.evaluation import evaluate, validate
from flows.expression.templates import render, render_text

__all__ = ["ExpressionError", "evaluate", "render", "render_text", "validate"]
