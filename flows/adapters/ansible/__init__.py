"""Ansible: makes hosts right by playbook, with nothing of it left behind."""

from flows.adapters.ansible.runner import RunnerAnsible

__all__ = ["RunnerAnsible"]
