"""What would be done, as a value: typed changes and steps, made by a pure planner."""

from deployer.plan.going_back import plan_rollback
from deployer.plan.planner import Context, plan_delete, plan_release, plan_resume, refuse_foreign
from deployer.plan.values import (
    Change,
    Configure,
    Deliver,
    Destroy,
    Effect,
    Outlook,
    Plan,
    Retire,
    Route,
    Sign,
    Stage,
    Step,
    Undo,
    Verify,
    Wish,
)

__all__ = [
    "Change",
    "Configure",
    "Context",
    "Deliver",
    "Destroy",
    "Effect",
    "Outlook",
    "Plan",
    "Retire",
    "Route",
    "Sign",
    "Stage",
    "Step",
    "Undo",
    "Verify",
    "Wish",
    "plan_delete",
    "plan_release",
    "plan_resume",
    "plan_rollback",
    "refuse_foreign",
]
