"""What all ways of asking about a unit share: one protocol, one table of names, one kind of store.

An *instrument* is a study of units that can also load its value, and the value shows one unit:

    INSTRUMENTS["words"].load("runs/words").view_of("vision.blocks.3.mlp.post:17")

Unit sheets, searches, the dashboard and the command line read :data:`.registry.INSTRUMENTS`.
Another package adds an instrument through the entry-point group ``clipprobe.instruments``.
"""
