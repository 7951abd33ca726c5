"""Fairness controls: who is compared with whom, and the tables that laws ask for."""
