"""Certificates of an instance and what its clients need, made with `cryptography` alone.

`authority` makes and cross-signs authorities, `leaf` issues certificates, `facts` reads them,
`stores` packs them for Java, `bundle` puts together what a client downloads. Certificates, keys
and stores are values; writing files, and keeping keys secret, is the caller's.
"""
