"""``…/task/{id}/number/import``: numbers from a file."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Path, Request

from app.models import TaskImport
from app.routers.agent import task_shapes
from app.routers.agent.owners import PREFIX, USER, ItemPath, OwnerDep
from app.routers.agent.paging import PageDep, paged
from app.routers.agent.responses import refusals
from app.routers.deps import MAX_ID, ContextDep
from app.routers.families import FamilyRouter
from app.routers.files import check_file, parts
from app.routers.tags import Tag
from app.schemas.agent import Envelope, answered
from app.schemas.agent.imports import ImportOut, ImportPage
from app.services.agent import imports as service
from app.services.context import Context

router = FamilyRouter(prefix=f"{PREFIX}{USER}/task/{{item_id}}/number/import", tags=[Tag.CALL_TASKS])

ImportPath = Annotated[int, Path(ge=1, le=MAX_ID, description="导入id (the import)", examples=[1])]
_CSV_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "CSV 文件本身,UTF-8 或 GB18030 (the file itself, UTF-8 or GB18030)",
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "phone,姓名,otherName\n13900009001,林小满,王师傅\n"}
        },
    }
}


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    summary="导入号码 Import numbers",
    description="边上传边导入:表头须有 phone/手机号 列,name/姓名 为姓名,其余列为话术变量;只有一列号码时可省略表头。"
    "每 1,000 行写入一次,有误的行按行号报告,其余照常导入;任务中已有的号码计为重复。\n\n"
    "`curl -H 'Content-Type: text/csv' --data-binary @numbers.csv …/task/1/number/import`\n\n"
    "Imports as it arrives. The header has a column phone and may have name; the others are words for the script. A "
    "file of phones alone needs no header. Lines are written 1,000 at a time; broken ones are reported by number and "
    "all others imported; numbers that the task has already count as duplicates.",
    response_model=Envelope[ImportOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
    openapi_extra=_CSV_BODY,
)
async def import_numbers(owner: OwnerDep, item_id: ItemPath, request: Request, context: ContextDep) -> dict[str, Any]:
    """Import numbers."""
    check_file(request)
    row = await service.run(context, owner, item_id, parts(request))
    return answered(_told(row, context), status=HTTPStatus.CREATED)


@router.get(
    "",
    summary="导入列表 List imports",
    description="最近的在前,进行中的也在内。The newest first, those that are under way too.",
    response_model=Envelope[ImportPage],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def list_imports(owner: OwnerDep, item_id: ItemPath, context: ContextDep, page: PageDep) -> dict[str, Any]:
    """List imports."""
    total, rows = await service.page(context, owner, item_id, offset=page.offset, limit=page.size)
    return answered(paged(total, page, [_told(row, context) for row in rows]))


@router.get(
    "/{import_id}",
    summary="导入进度 Read an import",
    description="导入进行中也可查询。How far a file is read, also while it is read.",
    response_model=Envelope[ImportOut],
    responses=refusals(HTTPStatus.NOT_FOUND),
)
async def read_import(owner: OwnerDep, item_id: ItemPath, import_id: ImportPath, context: ContextDep) -> dict[str, Any]:
    """Read an import."""
    return answered(_told(await service.read(context, owner, item_id, import_id), context))


def _told(row: TaskImport, context: Context) -> dict[str, Any]:
    return task_shapes.imported(row, context.settings.zone, context.clock.now())
