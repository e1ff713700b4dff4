"""Text of a PDF, read by a process of its own.

A crafted PDF can make any parser run long or fill the memory. So pypdf runs in a child process under limits of
memory, processor time and pages; whatever becomes of it, this process goes on.
"""

import asyncio
import contextlib
import io
import json
import resource
import sys

from serving.errors import InvalidInput, Overloaded

from gateway.rag.plain import storable

MAX_PAGES = 2000
_MAX_TEXT_CHARACTERS = 8 * 1024 * 1024
_MEMORY_BYTES = 1024 * 1024 * 1024
_CPU_SECONDS = 60
_WALL_SECONDS = 120.0


async def read_pdf(data: bytes) -> tuple[str, str]:
    """Title and text of a PDF, pages separated by blank lines.

    Raises InvalidInput when it is damaged, encrypted, has more than 2000 pages, or takes more than 1 GiB or a minute;
    Overloaded when the reader could not be finished in two minutes of a busy machine.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(data), _WALL_SECONDS)
    except TimeoutError as error:
        raise Overloaded("reading the PDF took too long", retry_after_s=10.0) from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise InvalidInput("file.data", "reading the PDF took more memory or time than is allowed")
    result = json.loads(output)
    if problem := result.get("problem"):
        raise InvalidInput("file.data", problem)
    return result["title"], result["text"]


def extract(data: bytes) -> tuple[str, str]:
    """Title and text of a PDF, in this process; raises InvalidInput."""
    import pypdf  # only the child needs it
    from pypdf.errors import PyPdfError

    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise InvalidInput("file.data", "is an encrypted PDF")
        if len(reader.pages) > MAX_PAGES:
            raise InvalidInput("file.data", f"has {len(reader.pages)} pages, at most {MAX_PAGES}")
        pages: list[str] = []
        length = 0
        for page in reader.pages:
            pages.append(page.extract_text().strip())
            length += len(pages[-1])
            if length > _MAX_TEXT_CHARACTERS:
                raise InvalidInput("file.data", f"holds more than {_MAX_TEXT_CHARACTERS} characters of text")
        title = reader.metadata.title if reader.metadata else None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise InvalidInput("file.data", f"is a damaged PDF: {type(error).__name__}") from error
    text = "\n\n".join(page for page in pages if page)
    return storable(title or "").strip(), storable(text)


def _main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        title, text = extract(sys.stdin.buffer.read())
        result = {"title": title, "text": text}
    except InvalidInput as error:
        result = {"problem": error.description}
    except MemoryError:
        sys.exit(1)
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    _main()
