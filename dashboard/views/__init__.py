"""The pages of the app. Streamlit runs these files; each answers one question."""
