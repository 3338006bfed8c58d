"""What would be done, as a value: typed changes and steps, made by a pure planner."""

from deployer.plan.adoption import ADOPT, adopted_record, plan_adoption, remainder
from deployer.plan.going_back import plan_rollback
from deployer.plan.planner import Context, plan_delete, plan_release, plan_resume, refuse_foreign
from deployer.plan.values import (
    Adopts,
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
    "ADOPT",
    "Adopts",
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
    "adopted_record",
    "plan_adoption",
    "plan_delete",
    "plan_release",
    "plan_resume",
    "plan_rollback",
    "refuse_foreign",
    "remainder",
]
