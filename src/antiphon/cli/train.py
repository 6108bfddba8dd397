"""Train by a recipe:  antiphon train recipes/nano --smoke"""

from antiphon.train.command import train

__all__ = ["train"]
