"""What FastAPI passes to endpoints: the container of this process, and the fields of a posted form."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request, status
from starlette.datastructures import FormData

from worker.container import Container

FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"


async def get_container(request: Request) -> Container:
    """Return what :func:`web.app.create_app` was given; async, so that no thread is taken for it."""
    return container_of(request)


def container_of(request: Request) -> Container:
    container: Container = request.app.state.container
    return container


async def read_form(request: Request) -> FormData:
    """Read the fields of a posted form, none for a page that is only read; files are not taken.

    NUL is what PostgreSQL cannot keep and nobody can type: whoever sends it is told that it cannot be read, 400.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM_MEDIA_TYPE:
        return FormData()
    form = await request.form()
    if any("\0" in str(value) for _, value in form.multi_items()):
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    return form


ContainerDep = Annotated[Container, Depends(get_container)]
Form = Annotated[FormData, Depends(read_form)]


def text(form: FormData, name: str) -> str:
    return str(form.get(name, ""))
