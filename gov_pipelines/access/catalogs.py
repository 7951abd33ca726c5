# ruff: noqa: S608  (composed of this module's constants; every value is bound)
"""The questions put to PostgreSQL's catalogs. `:actors` is a list of role names; system schemas are left out throughout."""

from __future__ import annotations

_USER_SCHEMA = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_KINDS = "c.relkind IN ('r', 'p', 'v', 'm', 'f')"
_OF_EXTENSION = """EXISTS (
    SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')"""
_ACTORS = "(SELECT r.oid, r.rolname FROM pg_roles r WHERE r.rolname = ANY(:actors)) s"
# The owner of a schema or table that lost a privilege on it can give it back to itself.
_USAGE = "(has_schema_privilege(s.oid, n.oid, 'USAGE') OR pg_has_role(s.oid, n.nspowner, 'USAGE'))"
_SELECT = "(has_column_privilege(s.oid, c.oid, a.attnum, 'SELECT') OR pg_has_role(s.oid, c.relowner, 'USAGE'))"
_COLUMNS = "pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"

ROLES = "SELECT rolname, rolsuper, rolbypassrls, rolreplication, rolcreaterole FROM pg_roles"

# The owner of the database is a member of pg_database_owner without a row that says so.
_OWNER_OF_DATABASE = """
    UNION ALL SELECT o.rolname, 'pg_database_owner', true, true, false
    FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba
    WHERE d.datname = current_database() AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_database_owner')"""
MEMBERSHIPS = f"""
    SELECT m.rolname, g.rolname, x.inherit_option, x.set_option, x.admin_option
    FROM pg_auth_members x JOIN pg_roles m ON m.oid = x.member JOIN pg_roles g ON g.oid = x.roleid
    {_OWNER_OF_DATABASE}"""
MEMBERSHIPS_BEFORE_16 = f"""
    SELECT m.rolname, g.rolname, m.rolinherit, true, x.admin_option
    FROM pg_auth_members x JOIN pg_roles m ON m.oid = x.member JOIN pg_roles g ON g.oid = x.roleid
    {_OWNER_OF_DATABASE}"""

RELATIONS = f"""
    SELECT c.oid, n.nspname, c.relname, c.relkind::text, o.rolname,
        EXISTS (SELECT FROM pg_options_to_table(c.reloptions)
                WHERE option_name = 'security_invoker' AND option_value::bool) AS invoker,
        c.relrowsecurity, coalesce(rule.whole_rows, false), coalesce(rule.calls, false)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
    LEFT JOIN LATERAL (
        SELECT r.ev_action::text LIKE '%\\:varattno 0 %' AS whole_rows,
            EXISTS (SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid
                WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_proc'::regclass) AS calls
        FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.rulename = '_RETURN') rule ON true
    WHERE {_KINDS} AND {_USER_SCHEMA} AND NOT {_OF_EXTENSION}"""

COLUMNS = f"""
    SELECT a.attrelid, a.attnum, a.attname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN {_COLUMNS}
    WHERE {_KINDS} AND {_USER_SCHEMA}"""

INHERITANCE = "SELECT inhrelid, inhparent FROM pg_inherits"

# What a view reads needs no USAGE: its names were resolved when it was made.
SELECTABLE = f"""
    SELECT s.rolname, c.oid, a.attnum, {_USAGE} AS readable
    FROM {_ACTORS} CROSS JOIN pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN {_COLUMNS}
    WHERE {_KINDS} AND {_USER_SCHEMA} AND {_SELECT}"""

GRANTED = f"""
    SELECT c.oid, 0 AS number, g.rolname AS grantee
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL aclexplode(c.relacl) x LEFT JOIN pg_roles g ON g.oid = x.grantee
    WHERE {_KINDS} AND {_USER_SCHEMA} AND x.privilege_type = 'SELECT'
    UNION ALL
    SELECT c.oid, a.attnum, g.rolname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN {_COLUMNS}
    CROSS JOIN LATERAL aclexplode(a.attacl) x LEFT JOIN pg_roles g ON g.oid = x.grantee
    WHERE {_KINDS} AND {_USER_SCHEMA} AND x.privilege_type = 'SELECT'"""

READ_BY_RULES = """
    SELECT r.ev_class, d.refobjid, d.refobjsubid
    FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.rulename = '_RETURN' AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class"""

USABLE_SCHEMAS = f"SELECT DISTINCT n.nspname FROM {_ACTORS} CROSS JOIN pg_namespace n WHERE {_USER_SCHEMA} AND {_USAGE}"

DEFAULT_PRIVILEGES = """
    SELECT o.rolname, n.nspname, g.rolname
    FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
    CROSS JOIN LATERAL aclexplode(d.defaclacl) x LEFT JOIN pg_roles g ON g.oid = x.grantee
    WHERE d.defaclobjtype = 'r' AND x.privilege_type = 'SELECT' AND x.grantee <> d.defaclrole
    ORDER BY 1, 2, 3"""

DEFINER_FUNCTIONS = f"""
    SELECT DISTINCT n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', o.rolname
    FROM {_ACTORS} CROSS JOIN pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles o ON o.oid = p.proowner
    WHERE p.prosecdef AND {_USER_SCHEMA} AND {_USAGE} AND has_function_privilege(s.oid, p.oid, 'EXECUTE')
        AND NOT o.rolname = ANY(:actors)
    ORDER BY 1"""

EXTENSION_RELATIONS = f"""
    SELECT DISTINCT n.nspname || '.' || c.relname
    FROM {_ACTORS} CROSS JOIN pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN {_COLUMNS}
    WHERE {_KINDS} AND {_USER_SCHEMA} AND {_USAGE} AND {_SELECT} AND {_OF_EXTENSION}
    ORDER BY 1"""
