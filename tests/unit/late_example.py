"""A family for the test of late ones."""

from fastapi import APIRouter

router = APIRouter(prefix="/late")


@router.get("/one")
async def one() -> dict[str, str]:
    return {"is": "one"}


routers = (router,)
