"""Reading a repository through its mirror, in one call."""


async def commits_of(mirrors, url, branch, *, skip=0, limit, credentials=None, **more):
    """Name of a branch and some of its commits, as the remote has them at this moment."""
    view = await mirrors.view(url, credentials=credentials, fresh=True, **more)
    name, tip = view.branch(branch)
    return name, await view.commits(tip, skip=skip, limit=limit)


async def tags_of(mirrors, url, credentials=None):
    """All tags at this moment."""
    return await (await mirrors.view(url, credentials=credentials, fresh=True)).tags()


async def head_of(mirrors, url, branch=None, *, credentials=None, insecure=False):
    """Name and commit of a branch at this moment."""
    return (await mirrors.view(url, credentials=credentials, insecure=insecure, fresh=True)).branch(branch)
