"""A family whose route has no rule about who may call it."""

from fastapi import APIRouter

router = APIRouter(prefix="/late")


@router.get("/one")
async def one() -> dict[str, str]:
    return {"is": "one"}


routers = (router,)
