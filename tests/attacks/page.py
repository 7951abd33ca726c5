def page(cases, promises):
    return ""
