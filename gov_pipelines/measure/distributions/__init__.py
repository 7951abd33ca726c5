"""Distributions held against those before: drift, features that tell of groups, nights unlike others."""
