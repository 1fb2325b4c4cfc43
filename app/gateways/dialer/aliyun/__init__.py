"""Alibaba Cloud OutboundBot (API 2019-12-26), by its official SDK (extra ``aliyun``); ``docs/aliyun.md``.

``channel`` needs the SDK and is imported when this provider is chosen, and only then.
"""
