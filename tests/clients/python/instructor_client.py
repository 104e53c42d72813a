"""instructor: every mode that asks the server for something."""

from collections.abc import Iterable

import instructor
import openai
from checks import MODEL, URL, check, run
from pydantic import BaseModel, Field


class Person(BaseModel):
    """A person."""

    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=150)


SAID = [{"role": "user", "content": "Anna is 30 years old."}]


def client(mode):
    raw = openai.OpenAI(base_url=URL, api_key="none", max_retries=0, timeout=300)
    return instructor.from_openai(raw, mode=mode)


def ask(mode, response_model=Person, **more):
    return client(mode).chat.completions.create(
        model=MODEL, messages=SAID, response_model=response_model, max_retries=0, max_tokens=200, temperature=0, **more
    )


@check
def tools():
    made = ask(instructor.Mode.TOOLS)
    assert isinstance(made, Person)
    return made


@check
def tools_strict():
    made = ask(instructor.Mode.TOOLS_STRICT)
    assert isinstance(made, Person)
    return made


@check
def json_schema():
    made = ask(instructor.Mode.JSON_SCHEMA)
    assert isinstance(made, Person)
    return made


@check
def parallel_tools():
    made = list(ask(instructor.Mode.PARALLEL_TOOLS, Iterable[Person], extra_body={"tool_choice": "required"}))
    assert made
    assert all(isinstance(one, Person) for one in made)
    return made


@check
def responses_tools():
    raw = openai.OpenAI(base_url=URL, api_key="none", max_retries=0, timeout=300)
    made = instructor.from_openai(raw, mode=instructor.Mode.RESPONSES_TOOLS).responses.create(
        model=MODEL, input="Anna is 30.", response_model=Person, max_retries=0, max_output_tokens=200, temperature=0
    )
    assert isinstance(made, Person)
    return made


@check
def partial():
    pieces = list(
        client(instructor.Mode.TOOLS).chat.completions.create_partial(
            model=MODEL, messages=SAID, response_model=Person, max_retries=0, max_tokens=200, temperature=0
        )
    )
    Person.model_validate(pieces[-1].model_dump())
    return len(pieces), pieces[-1]


run()
