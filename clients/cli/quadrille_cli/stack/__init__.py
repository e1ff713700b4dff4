"""The stack on this machine: services as processes, ready when all of them serve."""

from quadrille_cli.stack.ports import Ports
from quadrille_cli.stack.quadrille import local_stack, quadrille_services
from quadrille_cli.stack.readiness import State
from quadrille_cli.stack.service import Service
from quadrille_cli.stack.stack import Stack, StackError

__all__ = ["Ports", "Service", "Stack", "StackError", "State", "local_stack", "quadrille_services"]
