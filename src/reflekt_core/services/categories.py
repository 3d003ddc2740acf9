"""Categories and tags: the drawers and labels of entries."""

from uuid import UUID

import attrs

from reflekt_core.errors import Conflict, InvalidInput, NotFound, VersionConflict
from reflekt_core.model.accounts import Permission
from reflekt_core.model.categories import Category, CategoryDraft
from reflekt_core.model.entries import TagCount
from reflekt_core.model.jobs import Job, JobKind
from reflekt_core.model.listing import TagName
from reflekt_core.model.paging import Page, PageSize, Position
from reflekt_core.services.context import Context, check_version, insist
from reflekt_core.services.jobs import ask_for, note_deleted, seen_to, start_job
from reflekt_core.services.receipts import once

__all__ = ["Categories", "Tags"]


@attrs.frozen
class Categories:
    """The categories of one user."""

    context: Context

    def list(self, *, after: Position | None = None, limit: int = 20) -> Page[Category]:
        """Return a page of categories, by id: the oldest first."""
        account = self.context.authorise(Permission.CATEGORIES_READ)
        return self.context.store.records(Category).list(
            account.user_id, after=after, limit=PageSize(limit).limit
        )

    def create(
        self,
        name: str,
        *,
        color: str | None = None,
        icon: str | None = None,
        idempotency_key: str | None = None,
    ) -> Category:
        """
        Make a category and return it.

        Raises:
            InvalidInput: A field is not allowed, or the key was used for another category.
        """
        account = self.context.authorise(Permission.CATEGORIES_WRITE)
        draft = CategoryDraft(name, color, icon)
        id = (
            self.context.keyed_id("category", idempotency_key)
            if idempotency_key
            else self.context.ids()
        )

        def make() -> Category:
            category = Category(id, name, color, icon, version=1)
            records = self.context.store.records(Category)
            try:
                records.put(account, str(id), category, replaces=None)
            except VersionConflict:
                stored = records.get(account.user_id, str(id))
                if stored is None or _draft(stored) != draft:
                    raise Conflict("the category made with this key was changed since") from None
                return stored
            return category

        return once(
            self.context, account, "categories.create", idempotency_key, draft, make, Category
        )

    def put(
        self,
        id: UUID,
        name: str,
        *,
        color: str | None = None,
        icon: str | None = None,
        if_version: int | None = None,
    ) -> Category:
        """
        Create or replace the category under an id of your own, and return it.

        Raises:
            InvalidInput: A field is not allowed.
            VersionConflict: *if_version* is not the stored version.
        """
        account = self.context.authorise(Permission.CATEGORIES_WRITE)
        draft = CategoryDraft(name, color, icon)
        records = self.context.store.records(Category)

        def replace() -> Category:
            before = records.get(account.user_id, str(id))
            check_version(before, if_version)
            if before and _draft(before) == draft:
                return before
            after = Category(id, name, color, icon, before.version + 1 if before else 1)
            replaces = before.version if before else None
            records.put(account, str(id), after, replaces=replaces)
            return after

        return insist(replace, if_version)

    def delete(self, id: UUID, *, if_version: int | None = None) -> Job:
        """
        Delete the category and return the job that takes it off its entries.

        Raises:
            NotFound: It is missing or somebody else's.
            VersionConflict: *if_version* is not the stored version.
        """
        account = self.context.authorise(Permission.CATEGORIES_WRITE)
        records = self.context.store.records(Category)

        def remove() -> Job:
            before = records.get(account.user_id, str(id))
            if before is None:
                raise NotFound("there is no such category")
            check_version(before, if_version)
            # The job first: it deletes the category as well, should this be cut short.
            parameters = {"category_id": str(id), "version": str(before.version)}
            job = ask_for(self.context, account, JobKind.DELETE_CATEGORY, parameters)
            try:
                records.delete(account, str(id), replaces=before.version)
            except VersionConflict:
                # What was changed meanwhile stays; but the job may have been here already.
                if records.get(account.user_id, str(id)) is not None:
                    raise
            else:
                note_deleted(self.context, account, job)
            return seen_to(self.context, account, job)

        return insist(remove, if_version)


def _draft(category: Category) -> CategoryDraft:
    return CategoryDraft(category.name, category.color, category.icon)


@attrs.frozen
class Tags:
    """The tags of one user's entries."""

    context: Context

    def list(self, *, after: Position | None = None, limit: int = 20) -> Page[TagCount]:
        """Return a page of tags with counts, sorted by name without regard to case."""
        account = self.context.authorise(Permission.ENTRIES_READ)
        return self.context.store.entries.tags(
            account.user_id, after=after, limit=PageSize(limit).limit
        )

    def rename(self, tag: str, name: str) -> Job:
        """
        Return the job that gives *tag* the name *name* on every entry, in the trash too.

        If there is a tag of that name already, the two become one.

        Raises:
            InvalidInput: A name is not allowed.
        """
        account = self.context.authorise(Permission.ENTRIES_WRITE)
        try:
            TagName(tag)
        except InvalidInput as error:
            raise InvalidInput.field("tag", error.problems[0].message) from None
        return start_job(
            self.context,
            account,
            JobKind.RENAME_TAG,
            {"tag": tag, "name": TagName(name).name},
        )
